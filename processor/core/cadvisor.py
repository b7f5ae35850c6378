"""cadvisor: parse the lines of `/metrics/cadvisor` and map their cgroups to entities (docs/processing.md, 4).

A line identifies its cgroup by path; the cgroup of a pod or container also by namespace, pod and container.
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
"""Last part of a cgroup's path -> system container; of several cgroups of one container, the first listed is used."""

_CURRENT_LABELS: Final = re.compile(
    r'container="([^"\\]*)",(?:device="([^"\\]*)",)?id="([^"\\]*)",'
    r'image="[^"\\]*",name="([^"\\]*)",namespace="([^"\\]*)",pod="([^"\\]*)"'
)
"""All labels in the order in which today's kubelets write them: three times as fast as one label at a time."""

_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"', re.ASCII)
_ESCAPE: Final = re.compile(r"\\(.)")
_PODS_PATH: Final = re.compile(r"/kubepods(?:\.slice)?/")


class Cgroup(NamedTuple):
    """The cgroup that a line is about."""

    path: str
    namespace: str
    pod: str
    container: str
    name: str  # given by the container runtime; empty for the cgroup of a pod


class CadvisorLine(NamedTuple):
    """One parsed line."""

    cgroup: Cgroup
    metric: str  # of the catalogue
    resource_id: str  # the disk; empty if the metric has none
    value: int
    time_ns: int


def parse_lines(lines: bytes, scraped_at_ns: int, problems: Problems) -> Iterator[CadvisorLine]:
    """Parse the lines of known metrics; a line without a timestamp gets the time of the scrape.

    A line whose value cannot be read is skipped and counted.
    """
    for line in lines.decode("utf-8", "replace").split("\n"):
        name, brace, rest = line.partition("{")
        metric = CADVISOR_METRICS.get(name)
        if metric is None or not brace:
            continue
        labels_text, _, numbers = rest.rpartition("}")
        text, *times = numbers.split()[:2] or [""]
        value = _value(text, problems)
        if value is not None:
            cgroup, disk = _cgroup_and_disk(labels_text)
            yield CadvisorLine(cgroup, metric, disk, value, _time_ns(times, scraped_at_ns, problems))


def entity_keys(cgroups: Collection[Cgroup], node: str, known: Container[str]) -> dict[Cgroup, str]:
    """The entity key of each cgroup that is one of the Summary's entities (`known`)."""
    keys = {cgroup: _key(cgroup, node) for cgroup in cgroups}
    keys.update(_sys_containers((cgroup for cgroup in cgroups if not cgroup.pod), node))
    return {cgroup: key for cgroup, key in keys.items() if key in known}


def _key(cgroup: Cgroup, node: str) -> str:
    """The key of a node, a pod or a pod's container; empty for other cgroups."""
    if cgroup.namespace and cgroup.pod:
        if cgroup.container:  # may be the pause container, POD, which no Summary lists
            return pod_container_key(cgroup.namespace, cgroup.pod, cgroup.container)
        return "" if cgroup.name else pod_key(cgroup.namespace, cgroup.pod)  # a named one is the sandbox
    return node_key(node) if cgroup.path == ROOT else ""


def _sys_containers(cgroups: Iterable[Cgroup], node: str) -> dict[Cgroup, str]:
    """One cgroup of each system container: the first by `SYS_CONTAINERS`, then the one nearest to the root."""
    ranks = {last: number for number, last in enumerate(SYS_CONTAINERS)}
    found: dict[str, tuple[tuple[int, int, str], Cgroup]] = {}
    for cgroup in cgroups:
        last = cgroup.path.rpartition("/")[2]
        if last in SYS_CONTAINERS and not _PODS_PATH.search(cgroup.path):
            rank = (ranks[last], len(cgroup.path), cgroup.path)
            name = SYS_CONTAINERS[last]
            found[name] = min(found.get(name, (rank, cgroup)), (rank, cgroup))
    return {cgroup: sys_container_key(node, name) for name, (_, cgroup) in found.items()}


def _cgroup_and_disk(labels_text: str) -> tuple[Cgroup, str]:
    """The cgroup and the disk (empty if there is none) of a line's labels."""
    match = _CURRENT_LABELS.fullmatch(labels_text)
    if match is not None:
        container, device, path, name, namespace, pod = match.groups("")
        return Cgroup(path, namespace, pod, container, name), device
    labels = {label: _unescape(text) for label, text in _LABEL.findall(labels_text)}
    return _cgroup(labels), _disk(labels)


def _cgroup(labels: Mapping[str, str]) -> Cgroup:
    """The cgroup, by the labels of Kubernetes 1.14 and later or by the older ones."""
    return Cgroup(
        path=labels.get("id", ""),
        namespace=labels.get("namespace", ""),
        pod=labels.get("pod") or labels.get("pod_name", ""),
        container=labels.get("container") or labels.get("container_name", ""),
        name=labels.get("name", ""),
    )


def _disk(labels: Mapping[str, str]) -> str:
    numbers = (labels.get("major", ""), labels.get("minor", ""))
    return labels.get("device") or (":".join(numbers) if all(numbers) else "")


def _value(text: str, problems: Problems) -> int | None:
    """An integer from 0 to 2^63 - 1, which the exposition format writes as a float; None if it cannot be read."""
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


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] == "n" else match[1], text) if "\\" in text else text
