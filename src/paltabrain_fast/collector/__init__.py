"""Local collector: accepts batches as the server does, and stores events in DuckDB tables."""
