"""Services whose events pass a hook before they are encoded."""
