"""cadvisor's metrics: what each kubelet of the simulated cluster says of its cgroups, in Prometheus' text format.

A few of the many metrics; every cgroup is sampled on its own, at other times than for the Summary.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from simulator import chance
from simulator.lives import NS_PER_MILLICORE_SECOND, ContainerLife, PodLife
from simulator.nodes import Node
from simulator.summary import SYSTEM_CONTAINERS, sampled_s
from simulator.waves import Wave
from simulator.workloads import MIB

_NS_PER_S: Final = 1_000_000_000
_MS_PER_S: Final = 1000
_CACHED: Final = 0.2  # of the memory that is used
_READ_PER_S: Final = 20_000
_WRITTEN_PER_S: Final = 60_000
_DISKS: Final = ("/dev/vda", "/dev/vdb")
_PAUSE_IMAGE: Final = "registry.example/pause:3.10"
_CGROUPS: Final[Mapping[str, str]] = {
    "kubelet": "/system.slice/kubelet.service",
    "runtime": "/system.slice/containerd.service",
    "misc": "/system.slice",
    "pods": "/kubepods.slice",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cgroup:
    """One cgroup at its sample time, and where its counters began."""

    labels: Mapping[str, str]
    path: tuple[object, ...]
    since_s: int
    sample_s: int
    memory_bytes: float
    cpu_ns: int
    load: int  # threads * 1000
    disks: tuple[str, ...] = _DISKS[:1]

    def transferred(self, direction: str, per_s: float) -> Iterator[tuple[dict[str, str], int]]:
        """The bytes of each disk."""
        for disk in self.disks:
            grown = Wave.drawn(per_s, *self.path, disk, direction).growth(self.since_s, self.sample_s)
            yield {"device": disk}, grown


_Values = Callable[[_Cgroup], Iterable[tuple[Mapping[str, str], object]]]
_METRICS: Final[Mapping[str, tuple[str, _Values]]] = {
    "container_cpu_load_average_10s": ("gauge", lambda cgroup: [({}, cgroup.load)]),
    "container_cpu_usage_seconds_total": ("counter", lambda cgroup: [({"cpu": "total"}, cgroup.cpu_ns / _NS_PER_S)]),
    "container_fs_reads_bytes_total": ("counter", lambda cgroup: cgroup.transferred("read", _READ_PER_S)),
    "container_fs_writes_bytes_total": ("counter", lambda cgroup: cgroup.transferred("written", _WRITTEN_PER_S)),
    "container_memory_cache": ("gauge", lambda cgroup: [({}, _scientific(_CACHED * cgroup.memory_bytes))]),
    "container_memory_usage_bytes": ("gauge", lambda cgroup: [({}, _scientific(cgroup.memory_bytes))]),
}


def cadvisor(node: Node, lives: Iterable[PodLife], at_s: int) -> bytes:
    """The whole document of a node at a time, with those of its pods that run."""
    cgroups = [_root(node, at_s), *_system(node, at_s)]
    for life in lives:
        if life.phase(at_s) == "Running":
            cgroups += _pod(life, at_s)
    lines: list[str] = []
    for metric, (kind, values) in _METRICS.items():
        lines += [f"# HELP {metric} As cadvisor has it.", f"# TYPE {metric} {kind}"]
        lines += [
            f"{metric}{{{_labels({**cgroup.labels, **own})}}} {value} {cgroup.sample_s * _MS_PER_S}"
            for cgroup in cgroups
            for own, value in values(cgroup)
        ]
    return ("\n".join(lines) + "\n").encode()


def _root(node: Node, at_s: int) -> _Cgroup:
    sample_s, boot_s = sampled_s(at_s, *node.path, "cadvisor"), node.boot_s(at_s)
    cpu = node.rates["cpu"]
    return _Cgroup(
        labels=_whose("/"),
        path=node.path,
        since_s=boot_s,
        sample_s=sample_s,
        memory_bytes=node.memory.at(sample_s),
        cpu_ns=cpu.growth(boot_s, sample_s),
        load=_load(cpu, sample_s),
        disks=_DISKS,
    )


def _system(node: Node, at_s: int) -> Iterator[_Cgroup]:
    for name, (millicores, memory_bytes) in SYSTEM_CONTAINERS.items():
        path = (*node.path, "system", name)
        sample_s, boot_s = sampled_s(at_s, *path, "cadvisor"), node.boot_s(at_s)
        cpu = Wave.drawn(millicores * NS_PER_MILLICORE_SECOND, *path, "cpu")
        yield _Cgroup(
            labels=_whose(_CGROUPS[name]),
            path=path,
            since_s=boot_s,
            sample_s=sample_s,
            memory_bytes=Wave.drawn(memory_bytes, *path, "memory").at(sample_s),
            cpu_ns=cpu.growth(boot_s, sample_s),
            load=_load(cpu, sample_s),
        )


def _pod(life: PodLife, at_s: int) -> Iterator[_Cgroup]:
    """The pod's own cgroup, the pause container's, and those of its containers."""
    slice_ = f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{life.uid.replace('-', '_')}.slice"
    sample_s = sampled_s(at_s, *life.path, "cadvisor")
    running = [one for one in life.containers if one.runs(sample_s)]
    if not running:
        return
    pod = {"namespace": life.workload.namespace, "pod": life.name}
    yield _Cgroup(
        labels=_whose(slice_, **pod),
        path=life.path,
        since_s=life.created_s + 1,
        sample_s=sample_s,
        memory_bytes=MIB + sum(one.memory.at(sample_s) for one in running),
        cpu_ns=sum(one.cpu.growth(one.first_start_s, sample_s) for one in running),
        load=sum(_load(one.cpu, sample_s) for one in running),
    )
    yield _Cgroup(
        labels=_whose(*_scope(slice_, *life.path, "pause"), image=_PAUSE_IMAGE, **pod),
        path=(*life.path, "pause"),
        since_s=life.created_s + 1,
        sample_s=sample_s,
        memory_bytes=MIB,
        cpu_ns=0,
        load=0,
        disks=(),
    )
    for container in running:
        yield from _container(container, slice_, pod, at_s)


def _container(container: ContainerLife, slice_: str, pod: Mapping[str, str], at_s: int) -> Iterator[_Cgroup]:
    """Of those that are told of, dead ones too, each run has a cgroup of its own."""
    for start_s, last_s in container.runs(sampled_s(at_s, *container.path, "cadvisor")):
        cgroup = _scope(slice_, *container.path, start_s)
        yield _Cgroup(
            labels=_whose(*cgroup, container=container.spec.name, image=container.spec.image, **pod),
            path=container.path,
            since_s=start_s,
            sample_s=last_s,
            memory_bytes=container.memory.at(last_s),
            cpu_ns=container.cpu.growth(start_s, last_s),
            load=_load(container.cpu, last_s),
        )


def _whose(
    path: str, name: str = "", *, container: str = "", image: str = "", namespace: str = "", pod: str = ""
) -> dict[str, str]:
    return {
        "container": container,
        "id": path,
        "image": image,
        "name": name,
        "namespace": namespace,
        "pod": pod,
    }


def _scope(slice_: str, *of: object) -> tuple[str, str]:
    """A container's path and the runtime's name of it."""
    name = chance.hexadecimal(*of)
    return f"{slice_}/cri-containerd-{name}.scope", name


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{labels[name]}"' for name in sorted(labels))


def _load(cpu: Wave, sample_s: int) -> int:
    """As many threads as there are cores in use."""
    return int(cpu.at(sample_s) / NS_PER_MILLICORE_SECOND)


def _scientific(value: float) -> str:
    """A whole number as Prometheus writes a large one."""
    return f"{int(value):.15e}"
