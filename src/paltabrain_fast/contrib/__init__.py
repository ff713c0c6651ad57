"""Wiring for web servers and workers: a few lines each. The SDK never imports them."""
