"""Services with signal handlers, and with signals that they wait for."""
