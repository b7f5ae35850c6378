"""api.ingest."""
