"""Decides how events and contexts are encoded: natively, or by their own ``serialize_*``."""
