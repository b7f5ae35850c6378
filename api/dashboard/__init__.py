"""api.dashboard."""
