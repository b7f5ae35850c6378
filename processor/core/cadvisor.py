"""cadvisor: the lines of a kubelet's `/metrics/cadvisor` to numbers of the entities that its Summary lists.

A line tells its cgroup by path, and by pod and container where it is one of theirs (docs/processing.md, 4).
"""

import math
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from processor.core.problems import Problem, Problems
from schemas.cadvisor import CADVISOR_METRICS
from schemas.catalogue import MAX_INT, MIN_INT
from schemas.keys import node_key, pod_container_key, pod_key, sys_container_key

NS_PER_MS: Final = 1_000_000
ROOT: Final = "/"

SYS_CONTAINERS: Final[Mapping[str, str]] = {
    "kubelet": "kubelet",
    "kubelet.service": "kubelet",
    "k3s.service": "kubelet",
    "k3s-agent.service": "kubelet",
    "rke2-server.service": "kubelet",
    "rke2-agent.service": "kubelet",
    "docker-daemon": "docker-daemon",
    "docker.service": "docker-daemon",
    "crio.service": "docker-daemon",
    "containerd.service": "docker-daemon",
    "kubepods": "pods",
    "kubepods.slice": "pods",
    "system": "system",
    "system.slice": "system",
}
"""Last part of a cgroup's path to the system container it is; where several are one, the first here counts."""

_PRESENT: Final = re.compile(
    r'container="([^"\\]*)",(?:device="([^"\\]*)",)?id="([^"\\]*)",'
    r'image="[^"\\]*",name="([^"\\]*)",namespace="([^"\\]*)",pod="([^"\\]*)"'
)
"""The labels as kubelets write them today: read at once, which takes a third of the time."""

_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"', re.ASCII)
_ESCAPED: Final = re.compile(r"\\(.)")
_PODS: Final = re.compile(r"/kubepods(?:\.slice)?/")


class Cgroup(NamedTuple):
    """Whose a line is."""

    path: str
    namespace: str
    pod: str
    container: str
    name: str  # the runtime's, empty for a pod's own cgroup


class Sample(NamedTuple):
    """One line; `resource_id` is its disk, if it is about one."""

    cgroup: Cgroup
    metric: str  # of the catalogue
    resource_id: str
    value: int
    time_ns: int


def samples(lines: bytes, scraped_at_ns: int, problems: Problems) -> Iterator[Sample]:
    """Those of the lines; one without a time of its own is of the scrape's. What cannot be read is counted."""
    for line in lines.decode("utf-8", "replace").split("\n"):
        name, brace, rest = line.partition("{")
        metric = CADVISOR_METRICS.get(name)
        if metric is None or not brace:
            continue
        labels_text, _, numbers = rest.rpartition("}")
        value, *times = numbers.split()[:2] or [""]
        count = _count(value, problems)
        if count is not None:
            cgroup, disk = _whose(labels_text)
            yield Sample(cgroup, metric, disk, count, _time_ns(times, scraped_at_ns, problems))


def entity_keys(cgroups: Collection[Cgroup], node: str, known: Container[str]) -> dict[Cgroup, str]:
    """The key of the entity that each cgroup is, where the Summary lists one (`known`)."""
    keys = {cgroup: _key(cgroup, node) for cgroup in cgroups}
    keys.update(_sys_containers((cgroup for cgroup in cgroups if not cgroup.pod), node))
    return {cgroup: key for cgroup, key in keys.items() if key in known}


def _key(cgroup: Cgroup, node: str) -> str:
    """Of a node, a pod or its container; empty for others."""
    if cgroup.namespace and cgroup.pod:
        if cgroup.container:  # the pause container, POD, is one that no Summary lists
            return pod_container_key(cgroup.namespace, cgroup.pod, cgroup.container)
        return "" if cgroup.name else pod_key(cgroup.namespace, cgroup.pod)  # with a name it is the sandbox
    return node_key(node) if cgroup.path == ROOT else ""


def _sys_containers(cgroups: Iterable[Cgroup], node: str) -> dict[Cgroup, str]:
    """Of each system container one cgroup: what comes first in `SYS_CONTAINERS`, then what is nearest to the root."""
    rank = {last: number for number, last in enumerate(SYS_CONTAINERS)}
    found: dict[str, tuple[tuple[int, int, str], Cgroup]] = {}
    for cgroup in cgroups:
        last = cgroup.path.rpartition("/")[2]
        if last in SYS_CONTAINERS and not _PODS.search(cgroup.path):
            nearness = (rank[last], len(cgroup.path), cgroup.path)
            name = SYS_CONTAINERS[last]
            found[name] = min(found.get(name, (nearness, cgroup)), (nearness, cgroup))
    return {cgroup: sys_container_key(node, name) for name, (_, cgroup) in found.items()}


def _whose(labels_text: str) -> tuple[Cgroup, str]:
    """The cgroup and the disk that a line's labels name."""
    match = _PRESENT.fullmatch(labels_text)
    if match is not None:
        container, device, path, name, namespace, pod = match.groups("")
        return Cgroup(path, namespace, pod, container, name), device
    found = {label: _plain(text) for label, text in _LABEL.findall(labels_text)}
    return _cgroup(found), _disk(found)


def _cgroup(found: Mapping[str, str]) -> Cgroup:
    """By the labels of Kubernetes 1.14 and later, or by those before."""
    return Cgroup(
        path=found.get("id", ""),
        namespace=found.get("namespace", ""),
        pod=found.get("pod") or found.get("pod_name", ""),
        container=found.get("container") or found.get("container_name", ""),
        name=found.get("name", ""),
    )


def _disk(found: Mapping[str, str]) -> str:
    numbers = (found.get("major", ""), found.get("minor", ""))
    return found.get("device") or (":".join(numbers) if all(numbers) else "")


def _count(text: str, problems: Problems) -> int | None:
    """A whole number that a signed 64-bit integer holds and that is not negative; the format writes floats."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if 0 <= value <= MAX_INT:
        return int(value)
    problem = Problem.NEGATIVE if value < 0 else Problem.PAST_64_BITS if value > 0 else Problem.NOT_A_NUMBER
    problems[problem] += 1
    return None


def _time_ns(times: list[str], scraped_at_ns: int, problems: Problems) -> int:
    if not times:
        return scraped_at_ns
    try:
        time_ns = int(times[0]) * NS_PER_MS
    except ValueError:
        time_ns = MAX_INT + 1
    if MIN_INT <= time_ns <= MAX_INT:
        return time_ns
    problems[Problem.UNREADABLE_TIME] += 1
    return scraped_at_ns


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text) if "\\" in text else text
