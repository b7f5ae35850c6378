"""What the demo runs: the two servers, the simulated cluster, one of each service."""

import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tools.stack.demo_settings import DemoSettings
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.ports import LOOPBACK, own_ports
from tools.stack.process import Process
from tools.stack.server import Server

RESOLUTION_S: Final = 10
DATABASE: Final = "k8s"
_LOOK_EVERY_S: Final = 0.2
_STOP_S: Final = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """All of its processes, in the order in which they are started."""

    kafka: Kafka
    influxdb: InfluxDB
    services: tuple[Process, ...]
    page_url: str  # of the web page

    @classmethod
    def in_folder(cls, folder: Path, settings: DemoSettings) -> Self:
        """With data and logs in this folder; nothing runs yet."""
        kafka, influxdb = Kafka(folder / "kafka"), InfluxDB(folder / "influxdb")
        (page_port,) = own_ports(1)
        services = (
            Process(
                arguments[0],
                (sys.executable, "-m", "heapster_stream", *arguments),
                folder / f"{arguments[0]}.log",
            )
            for arguments in _arguments(settings, kafka.bootstrap, influxdb.url, page_port)
        )
        url = f"http://{LOOPBACK}:{page_port}/"
        return cls(kafka=kafka, influxdb=influxdb, services=tuple(services), page_url=url)

    @property
    def servers(self) -> tuple[Server, ...]:
        """What must be there before the services are."""
        return (self.kafka, self.influxdb)

    def start(self, stopped: threading.Event) -> bool:
        """Start everything; False if told to stop before that was done. Raises ProcessError: a server fails."""
        for server in self.servers:
            server.launch()
        waiting = list(self.servers)
        while waiting:
            waiting = [server for server in waiting if not server.is_up()]
            if stopped.wait(_LOOK_EVERY_S):
                return False
        for service in self.services:
            service.launch()
        return True

    def ended(self) -> Process | None:
        """The first one that does not run any more."""
        return next((process for process in (*self.servers, *self.services) if not process.running), None)

    def stop(self) -> None:
        """End the services, all at once, then the servers that they need until their end."""
        for group in (self.services, self.servers):
            running = [process for process in group if process.running]
            for process in running:
                process.terminate()
            for process in running:
                process.stop(_STOP_S)


def _arguments(settings: DemoSettings, brokers: str, influxdb_url: str, page_port: int) -> tuple[tuple[str, ...], ...]:
    api_port, kubelet_port = own_ports(2)
    size = (f"--nodes={settings.nodes}", f"--pods-per-node={settings.pods_per_node}")
    source = f"kubernetes:http://{LOOPBACK}:{api_port}?inClusterConfig=false&kubeletPort={kubelet_port}&cadvisor=true"
    return (
        ("simulate", *size, f"--api-port={api_port}", f"--kubelet-port={kubelet_port}"),
        ("scraper", f"--source={source}", f"--kafka-brokers={brokers}", f"--metric-resolution={RESOLUTION_S}s"),
        ("processor", f"--kafka-brokers={brokers}", "--extended-metrics"),
        ("writer", f"--kafka-brokers={brokers}", f"--sink=influxdb:{influxdb_url}?db={DATABASE}"),
        ("api", f"--kafka-brokers={brokers}", f"--heapster-port={page_port}"),
    )
