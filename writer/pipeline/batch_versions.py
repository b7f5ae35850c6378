"""Versions: which batches of a group are older than one already seen, so that a late half sum overwrites nothing."""

from typing import Final

from schemas.catalogue import CLUSTER, NAMESPACE, WORKLOAD
from schemas.metric_batch import MetricBatch, Version

MAX_GROUP_WINDOWS: Final = 100_000  # versions remembered, about 200 bytes each
_GROUPS: Final = frozenset({CLUSTER, NAMESPACE, WORKLOAD})  # a batch of one has one metric set


class NewestVersions:
    """The greatest version seen of each group and window; the oldest windows are forgotten first.

    Batches of nodes are the same whoever made them: they are never stale, and not remembered.
    """

    def __init__(self, limit: int = MAX_GROUP_WINDOWS) -> None:
        """Remember at most `limit` versions, but always the newest window whole."""
        self._limit = limit
        self._count = 0
        self._windows: dict[int, dict[str, Version]] = {}  # by window end, then by key

    def is_stale(self, batch: MetricBatch) -> bool:
        """Whether a greater version of this batch has been seen; if not, this one is remembered."""
        if len(batch.sets) != 1 or batch.sets[0].type not in _GROUPS:
            return False
        window = self._windows.setdefault(batch.window_end_ns, {})
        seen = window.get(batch.key)
        if seen is not None and batch.version < seen:
            return True
        self._count += seen is None
        window[batch.key] = batch.version
        self._forget_oldest()
        return False

    def _forget_oldest(self) -> None:
        while self._count > self._limit and len(self._windows) > 1:
            self._count -= len(self._windows.pop(min(self._windows)))
