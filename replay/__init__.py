"""The replay: processes a time range of `kubelet-stats` again with the live processor's code, beside the live pipeline.

- time_range, suffix, plan: what to replay, and the suffix of the replay's topics and groups
- history, groups, claim: look up offsets, consumer groups, claim the topics for a time range
- run, worker: run the replay and its worker processes
- progress, progress_snapshot, telemetry: the progress on the terminal and as metrics
"""
