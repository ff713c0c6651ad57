"""The native engine: Cython over the C core in ``csrc/``."""
