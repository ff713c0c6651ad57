"""The engine: what native and reference have in common, and which of the two is loaded."""
