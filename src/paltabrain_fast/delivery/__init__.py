"""From the buffer to the server: when a batch is framed, how it is sent, what became of it."""
