"""Local collector: accepts batches as the server does, and lands events in DuckDB tables."""
