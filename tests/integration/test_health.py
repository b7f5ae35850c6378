"""Health, readiness and metrics of the services while parts of the pipeline are unavailable."""

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
class Monitored:
    """A running service and its HTTP endpoints for health and metrics."""

    process: Process

    @property
    def url(self) -> str:
        lines = [json.loads(line) for line in self.process.text.splitlines() if line.startswith("{")]
        urls = [str(line["url"]) for line in lines if line["message"] == "metrics are served"]
        return urls[0].removesuffix("/metrics") if urls else ""

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_for_readiness(self, *reasons: str) -> None:
        """Wait until the service is not ready for exactly these reasons, or ready if there are none; always alive."""
        wait_until(lambda: bool(self.url), f"{self.process.name} serves HTTP")

        def reached() -> bool:
            assert self.get("/healthz") == (200, "ok\n")
            status, text = self.get("/readyz")
            lines = [] if status == 200 else text.splitlines()
            return len(lines) == len(reasons) and all(map(re.match, reasons, lines))

        wait_until(reached, f"{self.process.name} reports {reasons or 'ok'}, not {self.get('/readyz')}")

    def wait_for_reason(self, reason: str) -> None:
        """Wait until this is one of the reasons; without Kafka the partitions are lost, too."""

        def reached() -> bool:
            assert self.get("/healthz") == (200, "ok\n")
            return any(re.match(reason, line) for line in self.get("/readyz")[1].splitlines())

        wait_until(reached, f"{self.process.name} reports {reason}")

    def metric(self, name: str) -> float:
        """The sum of a metric over all labels."""
        _, text = self.get("/metrics")
        return sum(float(line.split()[-1]) for line in text.splitlines() if re.match(rf"{name}[ {{]", line))


def test_an_outage_makes_services_unready_but_not_unhealthy(
    own_kafka: Callable[[], Kafka], own_influxdb: Callable[[], InfluxDB], service: Service
) -> None:
    kafka, influxdb = own_kafka(), own_influxdb()
    common = (f"--kafka-brokers={kafka.bootstrap}", "--partitions=2")
    sink = f"--sink=influxdb:{influxdb.url}?db=k8s&user={influxdb.user}&pw={influxdb.password}"
    influxdb.stop()
    with SimulatedCluster.generated(ClusterSize(nodes=3, pods_per_node=2)) as cluster:
        source = f"--source=kubernetes:{cluster.api_url}?inClusterConfig=false&kubeletPort={cluster.kubelet_port}"
        scraper = Monitored(service("scraper", *common, source, "--metric-resolution=5s"))
        processor, writer = Monitored(service("processor", *common)), Monitored(service("writer", *common, sink))
        scraper.wait_for_readiness()
        processor.wait_for_readiness()
        writer.wait_for_readiness("influxdb.*: unavailable for .* s: InfluxDB at .*: Connection refused")
        influxdb.start()
        writer.wait_for_readiness()
        wait_until(lambda: writer.metric("heapster_writer_points_written_total") > 0, "points in InfluxDB")
        assert scraper.metric("heapster_scraper_scrapes_total") >= 3
        assert scraper.metric("heapster_scraper_document_bytes_total") > 1000
        assert scraper.metric("heapster_scraper_windows_behind") <= 1
        assert processor.metric("heapster_processor_scrape_seconds_count") >= 3
        assert processor.metric("heapster_processor_partitions") == 4
        assert writer.metric("heapster_writer_request_seconds_count") >= 1
        assert writer.metric("heapster_writer_retries_total") >= 1
        kafka.stop()
        for each in (scraper, processor, writer):
            each.wait_for_reason("Kafka: Kafka at .* does not answer: .*Connection refused")
        kafka.start()
        for each in (scraper, processor, writer):
            each.wait_for_readiness()


def test_a_scraper_is_not_ready_before_the_first_list_of_the_cluster(
    own_kafka: Callable[[], Kafka], service: Service
) -> None:
    kafka = own_kafka()
    api_port, kubelet_port = own_ports(2)
    source = f"kubernetes:http://127.0.0.1:{api_port}?inClusterConfig=false&kubeletPort={kubelet_port}"
    scraper = Monitored(service("scraper", f"--kafka-brokers={kafka.bootstrap}", f"--source={source}"))
    scraper.wait_for_readiness("Kubernetes API: has not answered yet")
    addresses = ListenAddresses(api_port=api_port, kubelet_port=kubelet_port)
    with SimulatedCluster.generated(ClusterSize(nodes=2, pods_per_node=1), addresses):
        scraper.wait_for_readiness()


def test_a_worker_without_partitions_is_not_ready(own_kafka: Callable[[], Kafka], service: Service) -> None:
    kafka = own_kafka()
    common = (f"--kafka-brokers={kafka.bootstrap}", "--partitions=1")
    first = Monitored(service("processor", *common))
    first.wait_for_readiness()
    second = Monitored(service("processor", *common))
    second.wait_for_readiness("partitions: no partitions: more workers than partitions, or the group is rebalancing")
    assert first.process.stop() == 0
    second.wait_for_readiness()
