"""Services that feed the SDK with what it says itself."""
