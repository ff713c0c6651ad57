"""Tests of the engine on its own, and of which one is chosen."""
