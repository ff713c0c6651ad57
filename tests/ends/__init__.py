"""How processes end, and what is delivered then: each row of the table in the documentation."""
