"""What a workload of the simulated cluster is: pods of one kind, their containers, what they use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Owner: TypeAlias = Literal["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Node"]

MIB: Final = 1024 * 1024
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container: what it asks for, in Kubernetes' spellings, and what it uses on average."""

    name: str
    image: str
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    millicores: int = 20
    memory_bytes: int = 64 * MIB
    restarts: bool = False  # dies every few minutes and comes back
    crash_loops: bool = False  # never comes up: the kubelet has no statistics of it
    gpus: int = 0
    user_metrics: Mapping[str, str] = field(default_factory=dict)  # type (gauge, cumulative) by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Pods of one kind, one after the other. How long one lives is drawn from `life_s`."""

    name: str
    namespace: str
    containers: tuple[ContainerSpec, ...]
    labels: Mapping[str, str]
    life_s: tuple[int, int] = (20 * DAY_S, 40 * DAY_S)
    volumes: tuple[str, ...] = ()
    init_container: str | None = None
    host_network: bool = False  # the kubelet reports no network for it
    static: bool = False  # a mirror pod: its UID in the API is not the kubelet's
    finishes: bool = False  # a Job: done half way through its life, and still listed
    relabelled: bool = False  # one of its labels changes from time to time
    owner: Owner | None = "Deployment"  # what its pods belong to; those of a Deployment to its ReplicaSet
