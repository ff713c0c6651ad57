"""How classes are recognised as generated."""
