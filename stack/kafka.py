"""A real Kafka of one node, from its Maven artifacts: controller and broker in one process, on loopback."""

import base64
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stack.cache import installed
from stack.ports import free_ports, listens
from stack.server import Server

VERSION: Final = "4.1.0"

_POM: Final = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>heapster-stream</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""


def install_kafka() -> Path:
    """The folder with Kafka's jars, fetched with Maven if need be."""
    return installed(f"kafka-{VERSION}", _fetch)


def _fetch(folder: Path) -> None:
    pom = folder / "pom.xml"
    pom.write_text(_POM)
    subprocess.run(
        ["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'libs'}"],
        check=True,
        stdin=subprocess.DEVNULL,
    )


def properties(folder: Path, port: int, controller_port: int) -> dict[str, str]:
    """The broker's settings: quick to start and to rebalance, one copy of everything."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(folder / "data"),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "message.max.bytes": str(10 * 1024 * 1024),
    }


class Kafka(Server):
    """One broker; it keeps its ports and its data when it is started again."""

    def __init__(self, folder: Path) -> None:
        """Formats the folder's storage the first time."""
        super().__init__(folder)
        self._libs = install_kafka() / "libs"
        self.port, controller_port = free_ports(2)
        self._settings = folder / "server.properties"
        if self._settings.exists():
            self.port = _port_of(self._settings)
            return
        self._settings.write_text(
            "".join(f"{name}={value}\n" for name, value in properties(folder, self.port, controller_port).items())
        )
        self._format()

    @property
    def bootstrap(self) -> str:
        """HOST:PORT for clients."""
        return f"127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        """The broker."""
        return [*self._java("-Xmx512m"), "kafka.Kafka", str(self._settings)]

    def ready(self) -> bool:
        """Whether it takes connections."""
        return listens(self.port)

    def _java(self, heap: str) -> list[str]:
        return ["java", heap, "-cp", f"{self._libs}/*"]

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        subprocess.run(
            [*self._java("-Xmx128m"), "kafka.tools.StorageTool", "format", "-t", cluster, "-c", self._settings],
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )


def _port_of(settings: Path) -> int:
    (listeners,) = (line for line in settings.read_text().splitlines() if line.startswith("advertised.listeners="))
    return int(listeners.rpartition(":")[2])
