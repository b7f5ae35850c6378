"""Pure state of partitions: which records were seen, the totals of groups, and when to write a group's batch.

assignment      partitions and offsets of a worker, the span of a replay
node_windows    state of one partition of `kubelet-stats`
transition      the batch and the sample that follow from one scrape
group_windows   state of one partition of `group-sums`
group_batch     the batch of one group in one window
"""
