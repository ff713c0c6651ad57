"""Wiring for web servers and workers: see docs/frameworks.md. The SDK never imports it."""
