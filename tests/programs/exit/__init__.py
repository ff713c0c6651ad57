"""Services that end without a word to their SDKs."""
