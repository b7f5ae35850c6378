"""The groups of figures in a statistics document: cpu, memory, io, swap, network, filesystem."""

from collections.abc import Mapping
from typing import Final

from simulator.objects import KubernetesObject, rfc3339
from simulator.waves import Wave

_INODES: Final = 6_553_600
_BYTES_PER_INODE: Final = 16_384
_NS_PER_S: Final = 1_000_000_000
_CPU_NS_PER_WAITED_US: Final = 50_000
_WAITED_US_PER_FAULT: Final = 120
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
    """The rate in nanoseconds per second, the counter, and how much of the time tasks waited."""
    return {
        "time": rfc3339(sample_s),
        "usageNanoCores": int(rate),
        "usageCoreNanoSeconds": total_ns,
        "psi": _pressure(rate / _NS_PER_S, total_ns // _CPU_NS_PER_WAITED_US),
    }


def memory(
    sample_s: int, usage_bytes: float, faults: int, major_faults: int, *, swap_bytes: int = 0
) -> KubernetesObject:
    """All that is said of memory, io and swap, in proportion to what is used; `swap_bytes` is what there is of swap."""
    time = rfc3339(sample_s)
    waited_us = major_faults * _WAITED_US_PER_FAULT
    return {
        "memory": {
            "time": time,
            "usageBytes": int(usage_bytes),
            "workingSetBytes": int(0.8 * usage_bytes),
            "rssBytes": int(0.6 * usage_bytes),
            "pageFaults": faults,
            "majorPageFaults": major_faults,
            "psi": _pressure(0.0, waited_us),
        },
        "io": {"time": time, "psi": _pressure(0.01, 2 * waited_us)},
        "swap": {
            "time": time,
            "swapAvailableBytes": swap_bytes,
            "swapUsageBytes": min(swap_bytes, int(usage_bytes / 100)),
        },
    }


def _pressure(busy: float, waited_us: int) -> KubernetesObject:
    """Some of the tasks waited so long in all, half as long all of them; of late a fifth of how busy they were."""
    percent = round(min(100.0, 20 * busy), 2)
    return {
        "full": {"total": waited_us // 2, "avg10": percent / 2, "avg60": percent / 4, "avg300": 0},
        "some": {"total": waited_us, "avg10": percent, "avg60": percent / 2, "avg300": percent / 4},
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
