"""What decides how the objects of a class are encoded."""
