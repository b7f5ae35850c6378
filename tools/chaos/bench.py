"""What chaos plays with: both servers, the simulated cluster, and some workers of each kind."""

import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias, get_args

from schemas.topics import DEFAULT_PARTITIONS
from simulator.cluster import ClusterSize
from simulator.server import SimulatedCluster
from tools.chaos.contents import Database
from tools.chaos.gate import Gate
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.process import Process

Kind: TypeAlias = Literal["scraper", "processor", "writer"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
RESOLUTION_S: Final = 10
_SHAPE: Final = ClusterSize(nodes=16, pods_per_node=4)


@dataclass(slots=True, kw_only=True)
class Bench:
    """All of it, running."""

    folder: Path
    kafka: Kafka
    influxdb: InfluxDB
    gate: Gate
    cluster: SimulatedCluster
    workers: dict[Kind, list[Process]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _begun: dict[str, int] = field(default_factory=dict)  # where in its log a worker's present life begins

    @classmethod
    @contextmanager
    def running(cls, folder: Path, workers: int) -> Iterator[Self]:
        """So many workers of each kind; everything is ended behind it. Raises ProcessError: a server fails."""
        with ExitStack() as ending:
            kafka, influxdb = Kafka(folder / "kafka"), InfluxDB(folder / "influxdb", auth=True)
            for server in (kafka, influxdb):
                ending.callback(_killed, server)
                server.launch()
            for server in (kafka, influxdb):
                server.wait()
            bench = cls(
                folder=folder,
                kafka=kafka,
                influxdb=influxdb,
                gate=ending.enter_context(Gate(influxdb.url)),
                cluster=ending.enter_context(SimulatedCluster.generated(_SHAPE)),
            )
            ending.callback(bench.kill_workers)
            for kind in KINDS:
                for _ in range(workers):
                    bench.add(kind)
            yield bench

    @property
    def database(self) -> Database:
        """What the writers write."""
        return Database(self.influxdb, "k8s")

    def add(self, kind: Kind) -> Process:
        """Start one more worker."""
        name = f"{kind} {next(self._numbers)}"
        command = (sys.executable, "-m", "heapster_stream", kind, *self._arguments(kind))
        worker = Process(name, command, self.folder / f"{name.replace(' ', '-')}.log")
        self.launch(worker)
        self.workers[kind].append(worker)
        return worker

    def launch(self, worker: Process) -> None:
        """Start a worker, for the first time or again."""
        self._begun[worker.name] = len(worker.text)
        worker.launch()

    def remove(self, worker: Process) -> int:
        """Stop a worker as an administrator would; its exit status."""
        for workers in self.workers.values():
            if worker in workers:
                workers.remove(worker)
        return worker.stop()

    def kill_workers(self) -> None:
        """End all workers at once."""
        for worker in itertools.chain.from_iterable(self.workers.values()):
            _killed(worker)

    def revive(self) -> list[Process]:
        """Start again whichever worker has ended by itself, as whatever runs them would; which ones that were."""
        ended = [worker for worker in itertools.chain.from_iterable(self.workers.values()) if not worker.running]
        for worker in ended:
            self.launch(worker)
        return ended

    def scraped_by(self, worker: Process) -> frozenset[int]:
        """The partitions whose nodes a worker scrapes, as it has told last; none if it is no scraper."""
        if worker not in self.workers["scraper"]:
            return frozenset()
        lines = worker.text[self._begun[worker.name] :].splitlines(keepends=True)
        told = [json.loads(line) for line in lines if '"partitions assigned"' in line and line.endswith("\n")]
        return frozenset(told[-1]["partitions"]) if told else frozenset()

    def all_are_scraped(self) -> bool:
        """Whether the scrapers have shared all partitions among them."""
        shares = [self.scraped_by(scraper) for scraper in self.workers["scraper"]]
        return all(shares) and sorted(itertools.chain.from_iterable(shares)) == list(range(DEFAULT_PARTITIONS))

    def _arguments(self, kind: Kind) -> tuple[str, ...]:
        brokers = f"--kafka-brokers={self.kafka.bootstrap}"
        if kind == "scraper":
            source = f"kubernetes:{self.cluster.api_url}?inClusterConfig=false&kubeletPort={self.cluster.kubelet_port}"
            return (f"--source={source}", brokers, f"--metric-resolution={RESOLUTION_S}s")
        if kind == "writer":
            user = f"user={self.influxdb.user}&pw={self.influxdb.password}"
            return (brokers, f"--sink=influxdb:{self.gate.url}?db={self.database.name}&{user}")
        return (brokers,)


def _killed(process: Process) -> None:
    if process.running:
        process.kill()
