from dataclasses import dataclass, field

import pytest
from prometheus_client import REGISTRY

from runtime.errors import UnavailableError
from runtime.health import KAFKA, Health
from schemas.metric_batch import MetricBatch, MetricSet, Version, encode_batch
from writer.lines.render import PointSchema, render
from writer.pipeline.batch_versions import NewestVersions
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.worker_status import STUCK_AFTER_S, WorkerStatus
from writer.pipeline.write_batch import Record, WriteBatch

NO_PARTITIONS = "no partitions: more workers than partitions, or the group is rebalancing"


class AssignedConsumer:
    """A consumer as far as its assignment goes."""

    def __init__(self, *partitions: int, lag: int = 0) -> None:
        self.partitions = frozenset(partitions)
        self._lag = lag

    def lag(self) -> int:
        return self._lag


@dataclass
class Worker:
    """The status of a worker, with the health it reports to."""

    sink: str
    now_s: float = 0.0
    health: Health = field(init=False)
    outage: OutageLog = field(init=False)
    status: WorkerStatus = field(init=False)

    def __post_init__(self) -> None:
        self.health = Health(lambda: self.now_s)
        self.health.report(KAFKA, None)
        self.outage = OutageLog(self.sink)
        self.status = WorkerStatus(self.sink, self.outage, self.health)

    def report(self, *partitions: int, lag: int = 0) -> None:
        self.status.report(AssignedConsumer(*partitions, lag=lag))  # type: ignore[arg-type]

    def metric(self, name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"heapster_writer_{name}", {"sink": self.sink, **labels})


@pytest.fixture
def worker(request: pytest.FixtureRequest) -> Worker:
    return Worker(request.node.name)


def test_a_worker_without_partitions_is_not_ready(worker: Worker) -> None:
    reason = f"partitions for {worker.sink}: {NO_PARTITIONS}"
    assert worker.health.unready() == [reason]
    worker.report()
    assert worker.health.unready() == [reason]
    worker.report(0, 1)
    assert worker.health.unready() == []
    worker.report()
    assert worker.health.unready() == [reason]


def test_a_worker_is_not_ready_during_an_outage_of_its_sink(worker: Worker) -> None:
    worker.outage.failed(UnavailableError("connection refused"))
    worker.report(0)
    assert worker.health.unready() == [f"{worker.sink}: unavailable for 0 s: connection refused"]
    worker.outage.succeeded()
    worker.report(0)
    assert worker.health.unready() == []


def test_a_worker_that_stops_reporting_is_stuck(worker: Worker) -> None:
    worker.report(0)
    worker.now_s = STUCK_AFTER_S
    assert worker.health.stuck() == []
    worker.now_s = STUCK_AFTER_S + 1
    (reason,) = worker.health.stuck()
    assert reason.startswith(f"writing to {worker.sink}: ")
    worker.report(0)
    assert worker.health.stuck() == []


def test_partitions_and_lag_are_gauges(worker: Worker) -> None:
    worker.report(0, 3, lag=17)
    assert (worker.metric("partitions"), worker.metric("lag_records")) == (2, 17)


def test_every_change_of_the_assignment_is_a_rebalance(worker: Worker) -> None:
    for partitions in ((0, 1), (0, 1), (0, 1), (0,), (1,), ()):
        worker.report(*partitions)
    assert worker.metric("rebalances_total") == 4


def test_written_records_are_counted_and_logged(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    batch = MetricBatch(
        cluster="c",
        entity="n1",
        window_end_ns=60,
        resolution_ns=60,
        sets=(MetricSet("node:n1", "node", {}, {"uptime": 1, "custom/qps": float("nan")}),),
        version=Version(1, 0),
    )
    value = encode_batch(batch)
    write_batch = WriteBatch(lambda each: render(each, PointSchema()), NewestVersions())
    for offset in range(2):  # the second record replaces the first
        write_batch.add(Record("derived-metrics", 0, offset, b"k", value, 60_000))
    caplog.set_level("INFO", "writer")
    worker.status.committed(write_batch, points=1, lag=5, seconds=0.12345)
    assert worker.metric("records_total") == 2
    assert worker.metric("record_bytes_total") == 2 * len(value)
    assert worker.metric("stale_batches_total") == 1
    assert worker.metric("points_left_out_total", reason="not_finite") == 2
    assert worker.metric("oldest_uncommitted_seconds") == 0
    (record,) = caplog.records
    assert record.message == "records written"
    figures = {name: vars(record)[name] for name in ("sink", "records", "points", "seconds", "lag")}
    assert figures == {"sink": worker.sink, "records": 2, "points": 1, "seconds": 0.123, "lag": 5}
