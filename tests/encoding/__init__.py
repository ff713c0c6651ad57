"""How classes are recognised as generated, and how events and contexts are encoded."""
