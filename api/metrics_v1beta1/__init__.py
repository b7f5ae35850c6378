"""api.metrics_v1beta1."""
