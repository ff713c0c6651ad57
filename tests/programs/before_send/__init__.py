"""Services that fork, with their events on the way to a server."""
