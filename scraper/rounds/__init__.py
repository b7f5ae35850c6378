"""Scrape rounds: which nodes this worker scrapes, when a window is due, and one round over its nodes.

- membership: the partitions that the consumer group has assigned to this worker
- assignment: the nodes of these partitions
- schedule: when a window is scraped, and when each node within it
- scraped_windows: whether a partition already has records of a window
- round: one round: request every assigned node and publish its record
- record: the record of one node, from the response and the cluster snapshot
- worker: the loop over the windows
"""
