"""heapster_stream."""
