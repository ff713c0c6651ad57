"""What web servers run until they end."""
