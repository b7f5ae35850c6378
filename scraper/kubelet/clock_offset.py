"""The offset of a kubelet's clock from the scraper's clock."""

import email.utils
from functools import lru_cache
from typing import Final

NS_PER_S: Final = 1_000_000_000
MAX_OFFSET_NS: Final = 5 * NS_PER_S
"""Larger offsets are logged as a warning: uptimes are wrong by the offset."""

STALE_NS: Final = 60 * NS_PER_S
"""Kubelets sample more often than this."""


def offset_ns(*, date: str | None, sampled_at_ns: int | None, local_ns: int) -> int | None:
    """The kubelet's clock minus the scraper's; None if it is unknown.

    `date` is the Date header of the response, in whole seconds; `local_ns` is the scraper's time of the response. A
    sample cannot be from the future, so the kubelet's clock is at least at the newest sample. Without a Date header
    the offset is known only if that sample is in the scraper's future or stale.
    """
    date_ns = _date_ns(date)
    if date_ns is None:
        ahead_ns = None if sampled_at_ns is None else sampled_at_ns - local_ns
        return ahead_ns if ahead_ns is not None and not -STALE_NS <= ahead_ns <= 0 else None
    if sampled_at_ns is not None and sampled_at_ns > date_ns + NS_PER_S:
        return sampled_at_ns - local_ns
    return date_ns + NS_PER_S // 2 - local_ns


@lru_cache(8)  # concurrent responses have the same date
def _date_ns(date: str | None) -> int | None:
    if not date:
        return None
    try:
        return int(email.utils.parsedate_to_datetime(date).timestamp()) * NS_PER_S
    except (ValueError, OverflowError):
        return None
