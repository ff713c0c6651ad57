"""Services that a person debugs."""
