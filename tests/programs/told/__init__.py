"""Programs that lose events without having configured logging, for ``tests/test_told.py``."""
