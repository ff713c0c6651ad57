"""What prefork servers and task queues run."""
