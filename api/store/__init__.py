"""api.store."""
