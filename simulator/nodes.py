"""The nodes of the simulated cluster: what they have, where they are, how they fare."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from simulator import chance
from simulator.lives import NS_PER_MILLICORE_SECOND, node_name
from simulator.objects import Endpoint
from simulator.waves import Wave

_BOOTED_EVERY_S: Final = 64 * 86_400
_HEARTBEAT_S: Final = 300
_READINESS_CYCLE_S: Final = 600
_NOT_READY_S: Final = 60
_CORES: Final = (4, 8, 16, 32, 64, 128)
_PODS_PER_CORE: Final = 3
_MILLICORES_PER_POD: Final = 60
_MEMORY_KIB_PER_CORE: Final = 2 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class Node:
    """One node; `pods` is how many slots it has."""

    seed: int
    number: int
    pods: int
    endpoint: Endpoint

    @property
    def name(self) -> str:
        """Of its API object, and in the kubelet's document."""
        return node_name(self.number)

    @cached_property
    def path(self) -> tuple[object, ...]:
        """What its chances are drawn from."""
        return (self.seed, self.name)

    @property
    def cores(self) -> int:
        """The smallest machine that has room for its pods."""
        return next((cores for cores in _CORES if self.pods <= _PODS_PER_CORE * cores), _CORES[-1])

    @property
    def memory_kib(self) -> int:
        """All its memory."""
        return self.cores * _MEMORY_KIB_PER_CORE

    @property
    def has_accelerators(self) -> bool:
        """Trainers run there."""
        return self.number % 3 == 0

    def boot_s(self, at_s: int) -> int:
        """When it was started."""
        offset_s = chance.between(0, _BOOTED_EVERY_S - 1, *self.path, "boot")
        return at_s - (at_s - offset_s) % _BOOTED_EVERY_S

    def state(self, at_s: int, *, may_be_unready: bool) -> "NodeState":
        """All that its API object depends on."""
        cycle_s = at_s + chance.between(0, _READINESS_CYCLE_S - 1, *self.path, "ready")
        unready = may_be_unready and cycle_s % _READINESS_CYCLE_S < _NOT_READY_S
        since_s = at_s - cycle_s % _READINESS_CYCLE_S + (0 if unready else _NOT_READY_S)
        return NodeState(
            node=self,
            ready=not unready,
            changed_s=since_s if may_be_unready else None,
            heartbeat_s=at_s // _HEARTBEAT_S * _HEARTBEAT_S,
        )

    @cached_property
    def rates(self) -> Mapping[str, Wave]:
        """Its own growth per second: of the CPU's nanoseconds, of faults."""
        means = {
            "cpu": (150 + _MILLICORES_PER_POD * self.pods) * NS_PER_MILLICORE_SECOND,
            "faults": 300.0,
            "major faults": 3.0,
        }
        return {name: Wave.drawn(mean, *self.path, name) for name, mean in means.items()}

    @cached_property
    def memory(self) -> Wave:
        """Bytes in use."""
        return Wave.drawn(self.memory_kib * 1024 * 0.4, *self.path, "memory")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """A node as its API object shows it; equal states make equal objects."""

    node: Node
    ready: bool
    changed_s: int | None  # when it last became ready or unready; None: when it was created
    heartbeat_s: int
