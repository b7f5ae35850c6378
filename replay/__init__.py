"""Replay: a stretch of `kubelet-stats` through the same processor once more, as fast as it can, beside the live one."""
