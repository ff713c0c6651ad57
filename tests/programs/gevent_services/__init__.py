"""Services that gevent has patched, early or late."""
