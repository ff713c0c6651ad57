"""Services that make, use and forget SDKs."""
