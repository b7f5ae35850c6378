"""The groups of figures in a statistics document: cpu, memory, network, filesystem."""

from collections.abc import Mapping
from typing import Final

from simulator.objects import KubernetesObject, rfc3339
from simulator.waves import Wave

_INODES: Final = 6_553_600
_BYTES_PER_INODE: Final = 16_384
_NETWORK_RATES: Final[Mapping[str, float]] = {"rxBytes": 6000, "rxErrors": 0.05, "txBytes": 3000, "txErrors": 0.02}


def network(sample_s: int, since_s: int, path: tuple[object, ...], times: float) -> KubernetesObject:
    """The counters of the default interface since a time, growing `times` as fast as a pod's; a second one is idle."""
    counters = {
        name: Wave.drawn(rate * times, *path, name).growth(since_s, sample_s) for name, rate in _NETWORK_RATES.items()
    }
    idle = {"name": "tunl0", **dict.fromkeys(_NETWORK_RATES, 0)}
    return {
        "time": rfc3339(sample_s),
        "name": "eth0",
        **counters,
        "interfaces": [{"name": "eth0", **counters}, idle],
    }


def cpu(sample_s: int, rate: float, total_ns: int) -> KubernetesObject:
    """The rate in nanoseconds per second, and the counter."""
    return {"time": rfc3339(sample_s), "usageNanoCores": int(rate), "usageCoreNanoSeconds": total_ns}


def memory(sample_s: int, usage_bytes: float, faults: int, major_faults: int) -> KubernetesObject:
    """All that is said of memory, in proportion to what is used."""
    return {
        "time": rfc3339(sample_s),
        "usageBytes": int(usage_bytes),
        "workingSetBytes": int(0.8 * usage_bytes),
        "rssBytes": int(0.6 * usage_bytes),
        "pageFaults": faults,
        "majorPageFaults": major_faults,
    }


def filesystem(sample_s: int, used_bytes: int, capacity_bytes: int) -> KubernetesObject:
    """A filesystem of that size with so much used."""
    inodes_used = 1 + used_bytes // _BYTES_PER_INODE % _INODES
    return {
        "time": rfc3339(sample_s),
        "availableBytes": capacity_bytes - used_bytes,
        "capacityBytes": capacity_bytes,
        "usedBytes": used_bytes,
        "inodesFree": _INODES - inodes_used,
        "inodes": _INODES,
        "inodesUsed": inodes_used,
    }
