"""The machine: one core for what is measured, the others for the rest; what a process has used."""

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from tools.stack.process import Process

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_LIBRARIES: Final = ("faust-streaming", "aiokafka", "confluent-kafka", "fastavro", "orjson", "requests")


class Used(NamedTuple):
    """What a process has used since its start."""

    cpu_s: float  # of all its threads, in user and kernel mode
    resident_bytes: int  # now
    peak_bytes: int


def measured_core() -> int:
    """The core that measured processes have to themselves, as far as the machine has several."""
    return min(os.sched_getaffinity(0))


def cores(wanted: int) -> list[int]:
    """A core for each of so many processes, the measured one first; the same again if the machine has fewer."""
    there = sorted(os.sched_getaffinity(0))
    return [there[number % len(there)] for number in range(wanted)]


def other_cores() -> set[int]:
    """The cores of everything else."""
    cores = os.sched_getaffinity(0)
    return cores - {min(cores)} or cores


def move(pid: int, cores: set[int]) -> None:
    """Have a process with all its threads run on these cores."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def measured(name: str, command: Sequence[str], log: Path, cores: set[int]) -> Process:
    """Start a process on these cores; what it starts itself stays there too."""
    process = Process(name, command, log).launch()
    move(process.pid, cores)
    return process


def used(pid: int) -> Used:
    """What a process of ours has used, and those that it has started and that run."""
    own, *started = (_used_alone(pid), *(used(child) for child in _children(pid)))
    return Used(*(sum(each) for each in zip(own, *started, strict=True)))


def tree(pid: int) -> list[int]:
    """A process of ours and those that it has started, and they in turn."""
    return [pid, *(each for child in _children(pid) for each in tree(child))]


def _children(pid: int) -> list[int]:
    """Those that are there; of one that has just ended there are none."""
    try:
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def _used_alone(pid: int) -> Used:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    return Used(
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
        resident_bytes=_kilobytes(status, "VmRSS"),
        peak_bytes=_kilobytes(status, "VmHWM"),
    )


def described() -> dict[str, str]:
    """What figures depend on: processor, system and versions."""
    processor = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": processor[1] if processor else platform.machine(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
    }


def _kilobytes(status: str, name: str) -> int:
    found = re.search(rf"{name}:\s*(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0
