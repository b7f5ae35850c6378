"""Scraper processes between a simulated cluster and a real Kafka."""

import json
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.cimpl import NewPartitions, NewTopic

from runtime.kafka import KafkaSettings, client_log, client_settings, consumer_settings
from runtime.topics import ensure_topics
from schemas.node_scrape import NodeScrape, decode_scrape
from schemas.topics import MAX_RECORD_BYTES, topics
from scraper.rounds.assignment import partition_of
from scraper.rounds.schedule import SCRAPE_OFFSET_NS, floor_ns
from simulator.faults import Fault
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.waiting import wait_until
from tools.stack.kafka import Kafka
from tools.stack.process import Process

SECOND: Final = 1_000_000_000
NODES: Final = tuple(f"n{number}" for number in range(12))
TOPIC: Final = topics().kubelet_stats.name
DEADLINE_S: Final = 60.0
STOP_S: Final = 10.0
LOST: Final = "consumer group membership lost: this process was suspended, or Kafka is unavailable; rejoining"

AHEAD_BY_90_S: Final = """
import time
real_s, real_ns = time.time, time.time_ns
time.time, time.time_ns = lambda: real_s() + 90, lambda: real_ns() + 90_000_000_000
from heapster_stream.__main__ import main
main()
"""

Service = Callable[..., Process]


def node(name: str, number: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "labels": {"zone": "a"}},
        "spec": {"externalID": f"i-{number}"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": f"127.0.7.{number + 1}"}],
            "capacity": {"cpu": "4"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def pod(name: str, on: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}"},
        "spec": {"nodeName": on, "containers": [{"name": "web", "image": "web:1"}]},
        "status": {"phase": "Running"},
    }


def document(name: str, *, padding: str = "") -> bytes:
    listed = [{"podRef": {"name": f"web-{name}", "namespace": "shop"}}]
    return json.dumps({"node": {"nodeName": name}, "pods": listed, "padding": padding}).encode()


@pytest.fixture
def world() -> FixedWorld:
    world = FixedWorld()
    world.show(
        nodes=[node(name, number) for number, name in enumerate(NODES)],
        pods=[pod(f"web-{name}", name) for name in NODES],
        namespaces=[{"metadata": {"name": "shop", "uid": "uid-shop"}}],
        summaries={name: document(name) for name in NODES},
    )
    return world


@pytest.fixture
def cluster(world: FixedWorld) -> Iterator[SimulatedCluster]:
    with SimulatedCluster.fixed(world) as running:
        yield running


class Pipeline:
    """Scrapers of one cluster and the records they publish."""

    def __init__(self, bootstrap: str, cluster: SimulatedCluster, service: Service) -> None:
        self.name = f"test-{uuid.uuid4().hex[:12]}"
        self.bootstrap = bootstrap
        self._cluster = cluster
        self._service = service
        self.scrapes: list[tuple[TopicPartition, int, NodeScrape]] = []

    def scraper(self, resolution: str = "5s") -> Process:
        return self._service(*self.scraper_arguments(resolution))

    def scraper_arguments(self, resolution: str) -> tuple[str, ...]:
        source = f"kubernetes:{self._cluster.api_url}?inClusterConfig=false&kubeletPort={self._cluster.kubelet_port}"
        return (
            "scraper",
            f"--source={source}",
            f"--kafka-brokers={self.bootstrap}",
            f"--metric-resolution={resolution}",
            f"--cluster-name={self.name}",
        )

    @contextmanager
    def reading(self) -> Iterator[Callable[[Callable[[], bool], str], None]]:
        """Consume the topic; yields a function that consumes until a condition on the records is met."""
        settings = consumer_settings(KafkaSettings(self.bootstrap), "test", self.name)
        consumer = Consumer(settings, logger=client_log)
        count = ensure_topics(KafkaSettings(self.bootstrap), [topics().kubelet_stats])[TOPIC]
        consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(count)])

        def consumed(reached: Callable[[], bool]) -> bool:
            self._consume(consumer)
            return reached()

        def until(reached: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
            wait_until(lambda: consumed(reached), what, deadline_s)

        yield until
        consumer.close()

    def _consume(self, consumer: Consumer) -> None:
        for message in consumer.consume(1000, 0.2):
            if message.error():  # for example an unavailable broker
                continue
            key, at = message.key(), TopicPartition(TOPIC, message.partition() or 0, message.offset() or 0)
            if isinstance(key, bytes) and key.startswith(self.name.encode() + b"/"):
                scrape = decode_scrape(message.value())
                assert key.decode() == scrape.key
                self.scrapes.append((at, message.timestamp()[1], scrape))

    def windows(self) -> dict[int, Counter[str]]:
        """Number of scrapes by window and node."""
        found: dict[int, Counter[str]] = {}
        for _, _, scrape in self.scrapes:
            found.setdefault(scrape.window_end_ns, Counter())[scrape.node] += 1
        return found

    def full_windows(self) -> list[int]:
        return sorted(end for end, nodes in self.windows().items() if nodes.keys() == set(NODES))


@pytest.fixture
def pipeline(kafka: Kafka, cluster: SimulatedCluster, service: Service) -> Pipeline:
    return Pipeline(kafka.bootstrap, cluster, service)


def logged(process: Process, message: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in process.text.splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"] == message]


def partitions(process: Process) -> list[int]:
    lines = logged(process, "partitions assigned")
    return list(lines[-1]["partitions"]) if lines else []


def balanced(scrapers: Sequence[Process]) -> bool:
    """Whether each scraper has half of the partitions."""
    return sorted(len(partitions(scraper)) for scraper in scrapers) == [6, 6]


def librdkafka_partitions(bootstrap: str, keys: Sequence[str], topic: str, count: int) -> dict[str, int]:
    """Partitions that librdkafka's Java-compatible partitioner chooses for these keys."""
    admin = AdminClient(client_settings(KafkaSettings(bootstrap), "test"), logger=client_log)
    admin.create_topics([NewTopic(topic, count)])[topic].result(30)
    producer = Producer(
        client_settings(KafkaSettings(bootstrap), "test") | {"partitioner": "murmur2_random"}, logger=client_log
    )
    found: dict[str, int] = {}
    for key in keys:
        producer.produce(
            topic, key=key, on_delivery=lambda _, sent: found.update({sent.key().decode(): sent.partition()})
        )
    producer.flush(30)
    return found


def test_partitions_are_those_that_kafka_clients_choose(kafka: Kafka, topic_suffix: str) -> None:
    names = [*NODES, "node-ä", "ip-10-0-0-1.example.org", "x" * 250]
    found = librdkafka_partitions(kafka.bootstrap, [f"c/{name}" for name in names], f"keys{topic_suffix}", 12)
    assert {name: partition_of("c", name, 12) for name in names} == {name: found[f"c/{name}"] for name in names}


def test_nodes_of_a_killed_scraper_miss_at_most_one_window(pipeline: Pipeline) -> None:
    """The scraper is killed at the worst moment, just before a round. At 10 s the next window is caught up."""
    scrapers = [pipeline.scraper("10s"), pipeline.scraper("10s")]
    with pipeline.reading() as until:
        until(lambda: balanced(scrapers), "half of the partitions for each")
        since_ns = time.time_ns()
        until(lambda: any(end > since_ns for end in pipeline.full_windows()), "a window of all nodes")
        at, timestamp_ms, scrape = pipeline.scrapes[-1]
        assert at.partition == partition_of(pipeline.name, scrape.node, 12)
        assert timestamp_ms * 1_000_000 == scrape.window_end_ns
        assert scrape.document == document(scrape.node)
        assert (scrape.error, scrape.cluster_nodes, scrape.hostname) == (None, 12, scrape.node)
        assert [(each.name, each.phase) for each in scrape.pods] == [(f"web-{scrape.node}", "Running")]
        assert [(each.name, each.uid, each.nodes) for each in scrape.namespaces] == [("shop", "uid-shop", 12)]
        orphans = {name for name in NODES if partition_of(pipeline.name, name, 12) in partitions(scrapers[0])}
        due_at_ns = last_due_ns(time.time_ns(), 10_000) + 10 * SECOND
        time.sleep(max(0.0, (due_at_ns - time.time_ns()) / SECOND - 0.3))
        scrapers[0].kill()
        until(lambda: any(end > due_at_ns for end in pipeline.full_windows()), "all nodes again")
    windows, full = pipeline.windows(), pipeline.full_windows()
    first = next(end for end in full if end > since_ns)
    missed = dict.fromkeys(NODES, 0)
    for end in range(first, full[-1] + 1, 10 * SECOND):
        for name in NODES:
            missed[name] += name not in windows.get(end, ())
            assert windows.get(end, Counter())[name] <= 1, "each node once"
    assert all(times <= (name in orphans) for name, times in missed.items()), missed
    assert len(partitions(scrapers[1])) == 12
    assert scrapers[1].stop(STOP_S) == 0


def test_starting_and_stopping_scrapers_misses_no_window(pipeline: Pipeline, cluster: SimulatedCluster) -> None:
    cluster.kubelets["n0"].fault = Fault(delay_s=1.0)
    first = pipeline.scraper("10s")
    with pipeline.reading() as until:
        until(lambda: len(pipeline.full_windows()) >= 1, "a window of all nodes")
        second = pipeline.scraper("10s")
        until(lambda: balanced((first, second)), "half of the partitions for each")
        until(lambda: bool(logged(second, "window scraped")), "the second scrapes")
        assert first.stop(STOP_S) == 0
        until(lambda: len(partitions(second)) == 12, "all partitions for the second")
        stopped_ns = time.time_ns()
        until(lambda: any(end > stopped_ns for end in pipeline.full_windows()), "a window of all nodes")
    full = pipeline.full_windows()
    assert full == list(range(full[0], full[-1] + 1, 10 * SECOND))
    assert second.stop(STOP_S) == 0


def test_a_window_due_just_before_the_start_of_a_scraper_is_caught_up(pipeline: Pipeline) -> None:
    now_ns = time.time_ns()
    resolution_ms = next(ms for ms in range(90_000, 900_000) if now_ns - last_due_ns(now_ns, ms) < SECOND)
    pipeline.scraper(f"{resolution_ms}ms")
    with pipeline.reading() as until:
        until(lambda: len(pipeline.full_windows()) == 1, "the window of all nodes", deadline_s=40)
    assert pipeline.full_windows() == [last_due_ns(now_ns, resolution_ms) - SCRAPE_OFFSET_NS]


def last_due_ns(time_ns: int, resolution_ms: int) -> int:
    return floor_ns(time_ns - SCRAPE_OFFSET_NS, resolution_ms * 1_000_000) + SCRAPE_OFFSET_NS


def test_a_clock_90_s_ahead_is_recorded_logged_and_exported(pipeline: Pipeline, tmp_path: Path) -> None:
    program = (sys.executable, "-c", AHEAD_BY_90_S)
    scraper = Process("scraper 90 s ahead", (*program, *pipeline.scraper_arguments("5s")), tmp_path / "scraper.log")
    scraper.launch()
    try:
        with pipeline.reading() as until:
            until(lambda: len(pipeline.full_windows()) >= 2, "two windows of all nodes")
        (served,) = logged(scraper, "metrics are served")
        with urllib.request.urlopen(served["url"], timeout=30) as response:
            exported = response.read().decode()
    finally:
        assert scraper.stop(STOP_S) == 0
    recorded = [scrape.clock_offset_ns for _, _, scrape in pipeline.scrapes]
    assert {None if offset is None else round(offset / SECOND, -1) for offset in recorded} == {-90}
    warnings = logged(scraper, "clocks differ: set them by NTP")
    assert {line["level"] for line in warnings} == {"warning"}
    assert [line["nodes"] for line in warnings] == [len(NODES)], "one line for all nodes"
    offset = "-(8[89]|9[01])[.]"
    assert all(
        re.search(f'^heapster_scraper_clock_offset_seconds{{node="{name}"}} {offset}', exported, re.MULTILINE)
        for name in NODES
    )


def test_failing_kubelets_and_nodes_do_not_delay_the_others(
    pipeline: Pipeline, cluster: SimulatedCluster, world: FixedWorld
) -> None:
    cluster.kubelets["n0"].fault = Fault(hang=True)
    cluster.kubelets["n1"].fault = Fault(cut=True)
    cluster.kubelets["n2"].fault = Fault(status=404)
    world.api.put("nodes", {"metadata": {"name": "n3"}, "status": {"addresses": []}})
    unready = node("n4", 4)
    unready["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    world.api.put("nodes", unready)
    scraper = pipeline.scraper()
    expected = set(NODES) - {"n3", "n4"}
    with pipeline.reading() as until:
        until(
            lambda: any(nodes.keys() == expected for nodes in pipeline.windows().values()),
            "a window of the other nodes",
        )
    errors = {scrape.node: scrape.error for _, _, scrape in pipeline.scrapes}
    assert {name for name, error in errors.items() if error} == {"n0", "n1", "n2"}
    assert "no complete answer within" in str(errors["n0"])
    assert "the connection was cut" in str(errors["n1"])
    assert "HTTP 404" in str(errors["n2"])
    assert {scrape.cluster_nodes for _, _, scrape in pipeline.scrapes} == {10}
    reasons = sorted(line["reason"] for line in logged(scraper, "node is not scraped"))
    assert reasons == ["node n3 has no valid hostname and/or IP address", "node n4 is not ready"]
    assert scraper.stop(STOP_S) == 0, "also while a kubelet hangs"


def test_a_suspended_scraper_is_replaced_and_rejoins(pipeline: Pipeline) -> None:
    scrapers = [pipeline.scraper(), pipeline.scraper()]
    with pipeline.reading() as until:
        until(lambda: balanced(scrapers), "half of the partitions for each")
        scrapers[0].freeze()
        until(lambda: len(partitions(scrapers[1])) == 12, "all partitions for the other")
        alone_ns = time.time_ns()
        scrapers[0].thaw()
        until(lambda: balanced(scrapers), "half of the partitions for each again")
        until(lambda: any(end > alone_ns for end in pipeline.full_windows()), "a window of all nodes")
    assert logged(scrapers[0], LOST)
    assert [scraper.stop(STOP_S) for scraper in scrapers] == [0, 0]


def test_no_window_is_missed_in_an_outage_of_kafka(
    own_kafka: Callable[[], Kafka], cluster: SimulatedCluster, service: Service
) -> None:
    broker = own_kafka()
    pipeline = Pipeline(broker.bootstrap, cluster, service)
    scraper = pipeline.scraper()
    with pipeline.reading() as until:
        until(lambda: len(pipeline.full_windows()) >= 1, "a window of all nodes")
        broker.kill()
        until(lambda: bool(logged(scraper, LOST)), "the worker notices the outage")
        broker.start()
        back_ns = time.time_ns()
        until(lambda: any(end > back_ns for end in pipeline.full_windows()), "a window of all nodes")
        broker.kill()
    full = pipeline.full_windows()
    assert full == list(range(full[0], full[-1] + 1, 5 * SECOND)), "no window is left out"
    assert scraper.stop(STOP_S) == 0, "also without Kafka"


def test_memory_is_bounded_while_kafka_accepts_no_records(
    own_kafka: Callable[[], Kafka], cluster: SimulatedCluster, world: FixedWorld, service: Service
) -> None:
    broker = own_kafka()
    pipeline = Pipeline(broker.bootstrap, cluster, service)
    scraper = pipeline.scraper()
    with pipeline.reading() as until:
        until(lambda: len(pipeline.full_windows()) >= 1, "a window of all nodes")
        world.show(summaries={name: document(name, padding=4_000_000 * "x") for name in NODES})
        broker.freeze()
        until(
            lambda: bool(logged(scraper, "Kafka does not accept records: scraping waits")),
            "the producer queue is full",
            deadline_s=120,
        )
        peak_kb = int(Path(f"/proc/{scraper.pid}/status").read_text().partition("VmHWM:")[2].split()[0])
        broker.thaw()
        until(lambda: bool(logged(scraper, "Kafka accepts records again")), "Kafka accepts records")
        back_ns = time.time_ns()
        until(lambda: any(end > back_ns for end in pipeline.full_windows()), "a window of all nodes")
    assert peak_kb < 520_000, "256 MB in the queue and 50 MB of a round"
    assert scraper.stop(STOP_S) == 0


def test_a_scraper_waiting_for_kafka_can_be_stopped(cluster: SimulatedCluster, service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    scraper = Pipeline(f"127.0.0.1:{port}", cluster, service).scraper()
    wait_until(lambda: bool(logged(scraper, "waiting for Kafka")), "the scraper waits for Kafka", DEADLINE_S)
    assert scraper.stop(STOP_S) == 0


def limit_record_size(admin: AdminClient, size: int) -> None:
    change = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ConfigResource.Type.TOPIC, TOPIC, incremental_configs=[change])
    admin.incremental_alter_configs([topic])[topic].result(30)


def test_changes_of_the_topic_while_a_scraper_runs(
    own_kafka: Callable[[], Kafka], world: FixedWorld, cluster: SimulatedCluster, service: Service
) -> None:
    broker = own_kafka()
    admin = AdminClient(client_settings(KafkaSettings(broker.bootstrap), "test"), logger=client_log)
    admin.create_topics([NewTopic(TOPIC, 2, config=dict(topics().kubelet_stats.all_settings))])[TOPIC].result(30)
    world.show(
        summaries={name: document(name) for name in NODES} | {"n5": document("n5", padding=secrets.token_hex(50_000))}
    )
    pipeline = Pipeline(broker.bootstrap, cluster, service)
    scraper = pipeline.scraper()
    with pipeline.reading() as until:
        until(lambda: len(pipeline.full_windows()) >= 1, "a window of all nodes")
        limit_record_size(admin, 20_000)
        smaller_ns = time.time_ns()
        until(lambda: any(end > smaller_ns for end in pipeline.full_windows()), "a window of all nodes")
    limit_record_size(admin, MAX_RECORD_BYTES)
    errors = {scrape.node: scrape.error for _, _, scrape in pipeline.scrapes if scrape.window_end_ns > smaller_ns}
    assert {name for name, error in errors.items() if error} == {"n5"}
    assert f"the record is too large for the topic {TOPIC}: raise its max.message.bytes" in str(errors["n5"])
    assert {at.partition for at, _, _ in pipeline.scrapes} == {0, 1}
    admin.create_partitions([NewPartitions(TOPIC, 4)])[TOPIC].result(30)
    grown_ns = time.time_ns()
    with pipeline.reading() as until:
        until(lambda: any(end > grown_ns for end in pipeline.full_windows()), "a window of all nodes")
    newest = max(pipeline.full_windows())
    used = {scrape.node: at.partition for at, _, scrape in pipeline.scrapes if scrape.window_end_ns == newest}
    assert used == {name: partition_of(pipeline.name, name, 4) for name in NODES}
    assert any("the number of partitions has changed" in line for line in scraper.text.splitlines())
    assert scraper.stop(STOP_S) == 0


def test_check_of_a_working_and_a_failing_configuration(pipeline: Pipeline, cluster: SimulatedCluster) -> None:
    program = (sys.executable, "-m", "heapster_stream", *pipeline.scraper_arguments("5s"), "--check")
    passing = subprocess.run(program, capture_output=True, text=True, timeout=4 * DEADLINE_S, check=False)
    assert passing.returncode == 0, passing.stdout + passing.stderr
    assert "All checks passed." in passing.stdout
    cluster.api.failing_with = 503
    failing = subprocess.run(program, capture_output=True, text=True, timeout=4 * DEADLINE_S, check=False)
    assert failing.returncode == 1
    assert failing.stdout.rstrip().endswith("checks failed.")
