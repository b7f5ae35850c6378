"""Versions of group batches, so that a late partial sum does not overwrite a more complete one."""

from typing import Final

from schemas.catalogue import CLUSTER, NAMESPACE, WORKLOAD
from schemas.metric_batch import MetricBatch, Version

MAX_GROUP_WINDOWS: Final = 100_000  # versions kept, about 200 bytes each
_GROUPS: Final = frozenset({CLUSTER, NAMESPACE, WORKLOAD})  # the batch of a group has one metric set


class NewestVersions:
    """The greatest version seen of each group and window; the oldest windows are evicted first.

    Batches of nodes are never stale and not kept: every processor derives the same batch.
    """

    def __init__(self, limit: int = MAX_GROUP_WINDOWS) -> None:
        """Keep at most `limit` versions, but always every version of the newest window."""
        self._limit = limit
        self._count = 0
        self._windows: dict[int, dict[str, Version]] = {}  # by window end, then by key

    def is_stale(self, batch: MetricBatch) -> bool:
        """Whether a greater version of this batch was seen; if not, keep this version."""
        if len(batch.sets) != 1 or batch.sets[0].type not in _GROUPS:
            return False
        window = self._windows.setdefault(batch.window_end_ns, {})
        seen = window.get(batch.key)
        if seen is not None and batch.version < seen:
            return True
        self._count += seen is None
        window[batch.key] = batch.version
        self._evict_oldest()
        return False

    def _evict_oldest(self) -> None:
        while self._count > self._limit and len(self._windows) > 1:
            self._count -= len(self._windows.pop(min(self._windows)))
