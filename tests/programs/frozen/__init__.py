"""An application to be frozen."""
