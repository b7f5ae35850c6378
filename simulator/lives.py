"""The lives of pods: which pod is in a slot of a node at a time, and how its containers fare.

A slot holds one pod after the other, each for the same span. All times are whole seconds since the epoch.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

from simulator import chance
from simulator.population import workload_of
from simulator.waves import Wave
from simulator.workloads import ContainerSpec, Workload

Phase: TypeAlias = Literal["Pending", "Running", "Succeeded"]

NS_PER_MILLICORE_SECOND: Final = 1_000_000
_STARTING_S: Final = 2
_TERMINATING_S: Final = 5
_BACK_OFF_S: Final = 5
_CRASH_LOOP_S: Final = 300
_RELABELLED_EVERY_S: Final = 90
_PREDECESSOR_LISTED_S: Final = 45


@dataclass(frozen=True, eq=False)
class ContainerLife:
    """A container of one pod: started, and started again each time it died."""

    spec: ContainerSpec
    path: tuple[object, ...]
    first_start_s: int
    again_every_s: int | None

    def restarts(self, at_s: int) -> int:
        """How often it has been started again."""
        if self.again_every_s is None:
            return 0
        return max(0, (at_s - self.first_start_s) // self.again_every_s)

    def start_s(self, restarts: int) -> int:
        """When its run after so many restarts began."""
        return self.first_start_s + restarts * (self.again_every_s or 0)

    def death_s(self, restarts: int) -> int:
        """When its run after so many restarts ended; the next one begins a little later."""
        return self.start_s(restarts + 1) - _BACK_OFF_S

    def runs(self, at_s: int) -> tuple[tuple[int, int], ...]:
        """Those that the kubelet has statistics of at a time, newest first: since when, and up to when."""
        if self.spec.crash_loops or at_s <= self.first_start_s:
            return ()
        restarts = self.restarts(at_s)
        start_s = self.start_s(restarts)
        last_s = at_s if self.again_every_s is None else min(at_s, self.death_s(restarts))
        newest = ((start_s, last_s),) if at_s > start_s else ()
        if restarts and at_s - start_s <= _PREDECESSOR_LISTED_S:
            return (*newest, (self.start_s(restarts - 1), self.death_s(restarts - 1)))
        return newest

    @cached_property
    def cpu(self) -> Wave:
        """Nanoseconds of CPU time per second."""
        return Wave.drawn(self.spec.millicores * NS_PER_MILLICORE_SECOND, *self.path, "cpu")

    @cached_property
    def faults(self) -> Wave:
        """Page faults per second."""
        return Wave.drawn(12.0, *self.path, "faults")

    @cached_property
    def major_faults(self) -> Wave:
        """Page faults per second that had to wait for a disk."""
        return Wave.drawn(0.4, *self.path, "major faults")

    @cached_property
    def memory(self) -> Wave:
        """Bytes in use."""
        return Wave.drawn(self.spec.memory_bytes, *self.path, "memory")


@dataclass(frozen=True, eq=False)
class PodLife:
    """One pod, from its creation to its deletion."""

    workload: Workload
    node: int
    slot: int
    path: tuple[object, ...]
    name: str
    uid: str
    kubelet_uid: str
    created_s: int
    ends_s: int
    containers: tuple[ContainerLife, ...]

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.workload.namespace}/{self.name}"

    @property
    def finished_s(self) -> int:
        """When a Job's pod is done."""
        return (self.created_s + self.ends_s) // 2

    def phase(self, at_s: int) -> Phase:
        """Of its life cycle, as the API tells it."""
        if at_s < self.created_s + _STARTING_S:
            return "Pending"
        return "Succeeded" if self.workload.finishes and at_s >= self.finished_s else "Running"

    def state(self, at_s: int) -> "PodState":
        """All that its API object depends on."""
        return PodState(
            life=self,
            phase=self.phase(at_s),
            restarts=tuple(container.restarts(at_s) for container in self.containers),
            relabelled=(at_s - self.created_s) // _RELABELLED_EVERY_S if self.workload.relabelled else 0,
            terminating=at_s >= self.ends_s - _TERMINATING_S,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """A pod as its API object shows it; equal states make equal objects."""

    life: PodLife
    phase: Phase
    restarts: tuple[int, ...]
    relabelled: int  # how often
    terminating: bool


class Slot:
    """Room for one pod on a node."""

    def __init__(self, seed: int, node: int, number: int) -> None:
        """That number on that node."""
        self.workload = workload_of(node, number)
        self._path = (seed, node, number)
        self._node, self._number = node, number
        self._span_s = chance.between(*self.workload.life_s, *self._path, "span")
        self._offset_s = chance.between(0, self._span_s - 1, *self._path, "offset")
        self._newest: tuple[int, PodLife] | None = None

    def life(self, at_s: int) -> PodLife:
        """The pod that is in it at a time."""
        generation = (at_s - self._offset_s) // self._span_s
        if self._newest is None or self._newest[0] != generation:
            self._newest = generation, self._born(generation)
        return self._newest[1]

    def _born(self, generation: int) -> PodLife:
        path = (*self._path, generation)
        created_s = self._offset_s + generation * self._span_s
        uid = chance.uid(*path)
        return PodLife(
            workload=self.workload,
            node=self._node,
            slot=self._number,
            path=path,
            name=self._name(path),
            uid=uid,
            kubelet_uid=chance.hexadecimal(*path, "file") if self.workload.static else uid,
            created_s=created_s,
            ends_s=created_s + self._span_s,
            containers=tuple(
                _container(spec, (*path, spec.name), created_s + _STARTING_S + number)
                for number, spec in enumerate(self.workload.containers)
            ),
        )

    def _name(self, path: tuple[object, ...]) -> str:
        if self.workload.static:
            return f"{self.workload.name}-{node_name(self._node)}"
        return f"{self.workload.name}-{chance.letters(9, *self._path)}-{chance.letters(5, *path)}"


def node_name(node: int) -> str:
    """Of a node by its number."""
    return f"node-{node:03d}"


def _container(spec: ContainerSpec, path: tuple[object, ...], first_start_s: int) -> ContainerLife:
    again_every_s = None
    if spec.crash_loops:
        again_every_s = _CRASH_LOOP_S
    elif spec.restarts:
        again_every_s = chance.between(120, 480, *path, "restarts")
    return ContainerLife(spec=spec, path=path, first_start_s=first_start_s, again_every_s=again_every_s)
