"""Reads schema files and generates config modules from them."""
