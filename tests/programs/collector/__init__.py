"""Programs of the tests of the collector."""
