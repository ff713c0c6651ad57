"""Services of which a C library forks a child, past the hooks of Python."""
