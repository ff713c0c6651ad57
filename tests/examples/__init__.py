"""The programs of ``examples/``, each run and ended as its users would."""
