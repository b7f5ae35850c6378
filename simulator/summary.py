"""Statistics documents: what each kubelet of the simulated cluster has measured.

Every entity is sampled on its own, at whole seconds some way apart, the last time a few seconds ago.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from simulator import chance, measured
from simulator.lives import NS_PER_MILLICORE_SECOND, ContainerLife, PodLife
from simulator.node_objects import DISK_GIB
from simulator.nodes import Node
from simulator.objects import KubernetesObject, rfc3339
from simulator.waves import Wave
from simulator.workloads import MIB

SAMPLED_EVERY_S: Final = 5
GIB: Final = 1024 * MIB
_DISK_BYTES: Final = DISK_GIB * GIB
_VOLUME_BYTES: Final = 10 * GIB
_GPU_BYTES: Final = 16 * GIB
_MOST_PROCESSES: Final = 125_722
_PROCESSES: Final = 180
_SANDBOX_BYTES: Final = MIB
_SANDBOX_DISK_BYTES: Final = 8192
_LOG_BYTES_PER_S: Final = 80
_ROTATED_AT_BYTES: Final = 10 * MIB
SYSTEM_CONTAINERS: Final[Mapping[str, tuple[int, int]]] = {  # millicores, bytes of memory
    "kubelet": (40, 90 * MIB),
    "runtime": (30, 120 * MIB),
    "misc": (60, 200 * MIB),
    "pods": (300, 900 * MIB),
}


def sampled_s(at_s: int, *path: object) -> int:
    """When the entity of this path was last sampled: from one to a few seconds ago."""
    phase_s = chance.between(0, SAMPLED_EVERY_S - 1, *path, "sampled")
    return at_s - 1 - (at_s - 1 - phase_s) % SAMPLED_EVERY_S


def summary(node: Node, lives: Iterable[PodLife], at_s: int) -> KubernetesObject:
    """The whole document of a node at a time, with those of its pods that run."""
    running = [life for life in lives if life.phase(at_s) == "Running"]
    pods = [_pod(life, at_s) for life in running]
    return {"node": _node(node, at_s), "pods": [pod for pod in pods if pod is not None]}


def _node(node: Node, at_s: int) -> KubernetesObject:
    sample_s, boot_s = sampled_s(at_s, *node.path), node.boot_s(at_s)
    cpu, faults, major_faults = node.rates["cpu"], node.rates["faults"], node.rates["major faults"]
    used = int(Wave.drawn(25 * GIB, *node.path, "disk").at(sample_s))
    disk = measured.filesystem(sample_s, used, _DISK_BYTES)
    return {
        "nodeName": node.name,
        "startTime": rfc3339(boot_s),
        "systemContainers": [_system_container(node, name, at_s) for name in SYSTEM_CONTAINERS],
        "cpu": measured.cpu(sample_s, cpu.at(sample_s), cpu.growth(boot_s, sample_s)),
        **measured.memory(
            sample_s,
            node.memory.at(sample_s),
            faults.growth(boot_s, sample_s),
            major_faults.growth(boot_s, sample_s),
            swap_bytes=GIB,
        ),
        "network": measured.network(sample_s, boot_s, node.path, 40),
        "fs": disk,
        "runtime": {"imageFs": disk},
        "rlimit": {"time": rfc3339(at_s), "maxpid": _MOST_PROCESSES, "curproc": _PROCESSES + 4 * node.pods},
    }


def _system_container(node: Node, name: str, at_s: int) -> KubernetesObject:
    path = (*node.path, "system", name)
    millicores, memory_bytes = SYSTEM_CONTAINERS[name]
    cpu = Wave.drawn(millicores * NS_PER_MILLICORE_SECOND, *path, "cpu")
    sample_s, boot_s = sampled_s(at_s, *path), node.boot_s(at_s)
    return {
        "name": name,
        "startTime": rfc3339(boot_s),
        "cpu": measured.cpu(sample_s, cpu.at(sample_s), cpu.growth(boot_s, sample_s)),
        **measured.memory(
            sample_s,
            Wave.drawn(memory_bytes, *path, "memory").at(sample_s),
            Wave.drawn(20.0, *path, "faults").growth(boot_s, sample_s),
            Wave.drawn(0.1, *path, "major faults").growth(boot_s, sample_s),
        ),
    }


def _pod(life: PodLife, at_s: int) -> KubernetesObject | None:
    sample_s = sampled_s(at_s, *life.path)
    started = [one for one in life.containers if sample_s > one.first_start_s and not one.spec.crash_loops]
    containers = [document for container in life.containers for document in _containers(container, at_s)]
    if not started or not containers:
        return None
    start_s = life.created_s + 1
    return {
        "podRef": {"name": life.name, "namespace": life.workload.namespace, "uid": life.kubelet_uid},
        "startTime": rfc3339(start_s),
        "containers": containers,
        "cpu": measured.cpu(
            sample_s,
            sum(one.cpu.at(sample_s) for one in started),
            sum(one.cpu.growth(one.first_start_s, sample_s) for one in started),
        ),
        **measured.memory(
            sample_s,
            _SANDBOX_BYTES + sum(one.memory.at(sample_s) for one in started),
            sum(one.faults.growth(one.first_start_s, sample_s) for one in started),
            sum(one.major_faults.growth(one.first_start_s, sample_s) for one in started),
        ),
        **({} if life.workload.host_network else {"network": measured.network(sample_s, start_s, life.path, 1)}),
        **({"volume": _volumes(life, sample_s)} if life.workload.volumes else {}),
        "ephemeral-storage": measured.filesystem(sample_s, _written_bytes(started, sample_s), _DISK_BYTES),
        "process_stats": {"process_count": 1 + len(started)},
    }


def _containers(container: ContainerLife, at_s: int) -> Sequence[KubernetesObject]:
    runs = container.runs(sampled_s(at_s, *container.path))
    documents = [_container(container, start_s, last_s) for start_s, last_s in runs]
    dead_first = chance.fraction(*container.path, "dead first") < 0.5  # noqa: PLR2004 - kubelets list both ways
    return documents[::-1] if dead_first else documents


def _container(container: ContainerLife, start_s: int, sample_s: int) -> KubernetesObject:
    written, logged = _rootfs_bytes(container, sample_s), _log_bytes(start_s, sample_s)
    return {
        "name": container.spec.name,
        "startTime": rfc3339(start_s),
        "cpu": measured.cpu(sample_s, container.cpu.at(sample_s), container.cpu.growth(start_s, sample_s)),
        **measured.memory(
            sample_s,
            container.memory.at(sample_s),
            container.faults.growth(start_s, sample_s),
            container.major_faults.growth(start_s, sample_s),
        ),
        "rootfs": measured.filesystem(sample_s, written, _DISK_BYTES),
        "logs": measured.filesystem(sample_s, logged, _DISK_BYTES),
        **({"accelerators": _accelerators(container, sample_s)} if container.spec.gpus else {}),
        **({"userDefinedMetrics": _user_metrics(container, start_s, sample_s)} if container.spec.user_metrics else {}),
    }


def _accelerators(container: ContainerLife, sample_s: int) -> Sequence[KubernetesObject]:
    busy = Wave.drawn(50, *container.path, "gpu").at(sample_s)
    return [
        {
            "make": "nvidia",
            "model": "tesla-t4",
            "id": f"GPU-{chance.uid(*container.path, 'gpu', number)}",
            "memoryTotal": _GPU_BYTES,
            "memoryUsed": int(busy / 100 * _GPU_BYTES),
            "dutyCycle": int(busy),
        }
        for number in range(container.spec.gpus)
    ]


def _user_metrics(container: ContainerLife, start_s: int, sample_s: int) -> Sequence[KubernetesObject]:
    found: list[KubernetesObject] = []
    for name, kind in container.spec.user_metrics.items():
        wave = Wave.drawn(30, *container.path, name)
        value = wave.growth(start_s, sample_s) if kind == "cumulative" else round(wave.at(sample_s), 3)
        found.append({"name": name, "type": kind, "units": "count", "time": rfc3339(sample_s), "value": value})
    return found


def _volumes(life: PodLife, sample_s: int) -> Sequence[KubernetesObject]:
    return [
        {
            **measured.filesystem(sample_s, int(Wave.drawn(GIB, *life.path, name).at(sample_s)), _VOLUME_BYTES),
            "name": name,
            "pvcRef": {"name": name, "namespace": life.workload.namespace},
        }
        for name in life.workload.volumes
    ]


def _rootfs_bytes(container: ContainerLife, sample_s: int) -> int:
    return int(Wave.drawn(20 * MIB, *container.path, "rootfs").at(sample_s))


def _log_bytes(start_s: int, sample_s: int) -> int:
    return _LOG_BYTES_PER_S * (sample_s - start_s) % _ROTATED_AT_BYTES


def _written_bytes(containers: Iterable[ContainerLife], sample_s: int) -> int:
    return _SANDBOX_DISK_BYTES + sum(
        _rootfs_bytes(one, sample_s) + _log_bytes(one.first_start_s, sample_s) for one in containers
    )
