"""The Heapster API: the newest fifteen minutes of `derived-metrics` in memory, and the answers made of them."""
