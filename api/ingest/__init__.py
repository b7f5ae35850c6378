"""Reads `derived-metrics` into the store.

follower: reads and decodes the topic · follower_process: runs it in a process of its own · backlog: partitions that
are behind · freshness: whether the store is current
"""
