"""How far a kubelet's clock is from ours."""

import email.utils
from functools import lru_cache
from typing import Final

NS_PER_S: Final = 1_000_000_000
LIMIT_NS: Final = 5 * NS_PER_S
"""Clocks that differ by more are warned about: uptimes are off by as much."""

STALE_NS: Final = 60 * NS_PER_S
"""A kubelet samples more often than that."""


def offset_ns(*, date: str | None, sampled_at_ns: int | None, ours_ns: int) -> int | None:
    """The kubelet's clock minus ours; None if nothing tells.

    `date` is its Date header, whole seconds of its clock; `ours_ns` is our time when it answered. A sample is never
    from the future, so a clock is at least as late as the newest one; without a Date, that one tells only if it is
    ahead of us or stale.
    """
    date_ns = _date_ns(date)
    if date_ns is None:
        ahead_ns = None if sampled_at_ns is None else sampled_at_ns - ours_ns
        return ahead_ns if ahead_ns is not None and not -STALE_NS <= ahead_ns <= 0 else None
    if sampled_at_ns is not None and sampled_at_ns > date_ns + NS_PER_S:
        return sampled_at_ns - ours_ns
    return date_ns + NS_PER_S // 2 - ours_ns


@lru_cache(8)  # kubelets that are asked at the same time say the same
def _date_ns(date: str | None) -> int | None:
    if not date:
        return None
    try:
        return int(email.utils.parsedate_to_datetime(date).timestamp()) * NS_PER_S
    except (ValueError, OverflowError):
        return None
