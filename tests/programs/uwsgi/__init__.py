"""Services in processes that look like uWSGI."""
