"""What the services say about themselves while parts of the pipeline are not there."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from simulator.cluster import ClusterSize
from simulator.listening import ListenAddresses
from simulator.server import SimulatedCluster
from tests.waiting import wait_until
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.ports import own_ports
from tools.stack.process import Process

Service = Callable[..., Process]


@dataclass(frozen=True, slots=True)
class Watched:
    """A service that is asked how it is."""

    process: Process

    @property
    def url(self) -> str:
        lines = [json.loads(line) for line in self.process.text.splitlines() if line.startswith("{")]
        urls = [str(line["url"]) for line in lines if line["message"] == "metrics are served"]
        return urls[0].removesuffix("/metrics") if urls else ""

    def asked(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def says(self, *reasons: str) -> None:
        """Wait until it is not ready for just these reasons, or ready for none; it is alive all the time."""
        wait_until(lambda: bool(self.url), "it listens")

        def told() -> bool:
            assert self.asked("/healthz") == (200, "ok\n")
            status, text = self.asked("/readyz")
            lines = [] if status == 200 else text.splitlines()
            return len(lines) == len(reasons) and all(map(re.match, reasons, lines))

        wait_until(told, f"{self.process.name} says {reasons or 'ok'}, not {self.asked('/readyz')}")

    def complains(self, reason: str) -> None:
        """Wait until this is among the reasons: without Kafka a place in the group is lost as well."""

        def told() -> bool:
            assert self.asked("/healthz") == (200, "ok\n")
            return any(re.match(reason, line) for line in self.asked("/readyz")[1].splitlines())

        wait_until(told, f"{self.process.name} says {reason}")

    def figure(self, name: str) -> float:
        """The sum over all labels."""
        _, text = self.asked("/metrics")
        return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(rf"{name}[ {{]", line))


def test_readiness_says_what_is_missing_and_liveness_does_not_care(
    own_kafka: Callable[[], Kafka], own_influxdb: Callable[[], InfluxDB], service: Service
) -> None:
    kafka, influxdb = own_kafka(), own_influxdb()
    known = (f"--kafka-brokers={kafka.bootstrap}", "--partitions=2")
    sink = f"--sink=influxdb:{influxdb.url}?db=k8s&user={influxdb.user}&pw={influxdb.password}"
    influxdb.stop()
    with SimulatedCluster.generated(ClusterSize(nodes=3, pods_per_node=2)) as cluster:
        source = f"--source=kubernetes:{cluster.api_url}?inClusterConfig=false&kubeletPort={cluster.kubelet_port}"
        scraper = Watched(service("scraper", *known, source, "--metric-resolution=5s"))
        processor, writer = Watched(service("processor", *known)), Watched(service("writer", *known, sink))
        scraper.says()
        processor.says()
        writer.says("influxdb.*: unavailable for .* s: InfluxDB at .*: Connection refused")
        influxdb.start()
        writer.says()
        wait_until(lambda: writer.figure("heapster_writer_points_written_total") > 0, "points in InfluxDB")
        assert scraper.figure("heapster_scraper_scrapes_total") >= 3
        assert scraper.figure("heapster_scraper_document_bytes_total") > 1000
        assert scraper.figure("heapster_scraper_windows_behind") <= 1
        assert processor.figure("heapster_processor_scrape_seconds_count") >= 3
        assert processor.figure("heapster_processor_partitions") == 4
        assert writer.figure("heapster_writer_request_seconds_count") >= 1
        assert writer.figure("heapster_writer_retries_total") >= 1
        kafka.stop()
        for one in (scraper, processor, writer):
            one.complains("Kafka: Kafka at .* does not answer: .*Connection refused")
        kafka.start()
        for one in (scraper, processor, writer):
            one.says()


def test_a_scraper_that_sees_no_cluster_is_not_ready(own_kafka: Callable[[], Kafka], service: Service) -> None:
    kafka = own_kafka()
    api_port, kubelet_port = own_ports(2)
    source = f"kubernetes:http://127.0.0.1:{api_port}?inClusterConfig=false&kubeletPort={kubelet_port}"
    scraper = Watched(service("scraper", f"--kafka-brokers={kafka.bootstrap}", f"--source={source}"))
    scraper.says("Kubernetes API: has not answered yet")
    layout = ListenAddresses(api_port=api_port, kubelet_port=kubelet_port)
    with SimulatedCluster.generated(ClusterSize(nodes=2, pods_per_node=1), layout):
        scraper.says()


def test_more_workers_than_partitions(own_kafka: Callable[[], Kafka], service: Service) -> None:
    kafka = own_kafka()
    known = (f"--kafka-brokers={kafka.bootstrap}", "--partitions=1")
    first = Watched(service("processor", *known))
    first.says()
    second = Watched(service("processor", *known))
    second.says("partitions: no partitions: more workers than partitions, or the group is rebalancing")
    assert first.process.stop() == 0
    second.says()
