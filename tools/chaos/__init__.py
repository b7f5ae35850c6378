"""Breaks the pipeline at random, as machines and networks do, and compares what came out with what should have."""
