"""Clients of a transport without an SDK."""
