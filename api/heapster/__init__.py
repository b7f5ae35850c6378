"""api.heapster."""
