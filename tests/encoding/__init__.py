"""How classes are recognised as generated, and what is done with other classes."""
