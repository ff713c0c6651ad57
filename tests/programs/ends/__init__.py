"""Services that end as a row of the docs says, without and with the line that it tells to add."""
