"""How processes end, and what is delivered then: the rows of ``docs/process-ends.md``."""
