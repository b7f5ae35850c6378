"""A real Kafka of one node, from its Maven artifacts: controller and broker in one process, on loopback."""

import socket
import struct
import subprocess
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tools.stack.cache import installed, run_quietly
from tools.stack.ports import LOOPBACK, own_ports
from tools.stack.process import ProcessError
from tools.stack.server import Server

VERSION: Final = "4.1.0"
_LOG4J: Final = "2.24.3"  # the one that this Kafka comes with
_CLUSTER_ID: Final = "heapster-stream-stackA"  # 16 bytes in base64, as Kafka wants it
_COPY: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def pom(*artifacts: str) -> str:
    """A Maven project that needs these artifacts, each `group:artifact:version`."""
    dependencies = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *artifact.split(":")
        )
        for artifact in artifacts
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>heapster-stream</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>\n"
    )


_POM: Final = pom(
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    f"org.apache.kafka:kafka-tools:{VERSION}",
    f"org.apache.logging.log4j:log4j-slf4j-impl:{_LOG4J}",  # without it Kafka says nothing
)


def install_kafka() -> Path:
    """The folder with Kafka's jars, fetched with Maven if need be. Raises InstallError: Maven failed."""
    name = f"kafka-{VERSION}-{zlib.crc32(_POM.encode()):08x}"
    return installed(name, _fetch, f"fetching Kafka {VERSION} with Maven, 55 MB …")


def _fetch(folder: Path) -> None:
    project = folder / "pom.xml"
    project.write_text(_POM)
    run_quietly(["mvn", "-q", "-B", "-f", project, _COPY, f"-DoutputDirectory={folder / 'libs'}"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """One more listener, SASL_SSL, on a port of its own."""

    properties: Mapping[str, str]  # the broker's: certificates, mechanisms, users of PLAIN
    scram_users: Mapping[str, str] = field(default_factory=dict)  # passwords by name; SCRAM-SHA-512
    port: int = field(default_factory=lambda: own_ports(1)[0])

    @property
    def bootstrap(self) -> str:
        """HOST:PORT for clients that prove who they are."""
        return f"{LOOPBACK}:{self.port}"


def settings(folder: Path, port: int, controller_port: int, secured: Secured | None = None) -> Mapping[str, str]:
    """The broker's settings: quick to start and to rebalance, one copy of everything."""
    at_home = f"PLAINTEXT://{LOOPBACK}:{port}"
    listeners = at_home if secured is None else f"{at_home},SASL_SSL://{secured.bootstrap}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": listeners,
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL",
        "log.dirs": f"{folder}/data",
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "message.max.bytes": str(10 * 1024 * 1024),
        **(secured.properties if secured else {}),
    }


_LOGGING: Final = """rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %m (%c{1})%n
"""


class Kafka(Server):
    """One broker; it keeps its ports and its data when it is launched again."""

    def __init__(self, folder: Path, secured: Secured | None = None, *, port: int | None = None) -> None:
        """With its data, settings and log in `folder`, a new one; a free port if none is given.

        Installs Kafka the first time.
        """
        self._users = secured.scram_users if secured else {}
        self._libs = install_kafka() / "libs"
        self._folder = folder
        self._settings = folder / "server.properties"
        self._logging = folder / "log4j2.properties"
        free_port, controller_port = own_ports(2)
        self.port = port or free_port
        folder.mkdir(parents=True)
        self._settings.write_text(
            "".join(
                f"{name}={value}\n" for name, value in settings(folder, self.port, controller_port, secured).items()
            )
        )
        self._logging.write_text(_LOGGING)
        broker = self._java("-Xmx512m", "kafka.Kafka", str(self._settings))
        super().__init__("Kafka", broker, folder / "kafka.log")

    @property
    def bootstrap(self) -> str:
        """HOST:PORT for clients."""
        return f"{LOOPBACK}:{self.port}"

    def launch(self) -> Self:
        """Start it, without waiting; its storage is formatted the first time."""
        if not (self._folder / "data" / "meta.properties").exists():
            self._format()
        return super().launch()

    def serves(self) -> bool:
        """Whether it answers, and lists itself as a broker: from then on topics can be made."""
        return brokers_listed(self.port) > 0

    def _java(self, heap: str, *program: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._logging}"
        compiled_once = "-XX:TieredStopAtLevel=1"  # up in half the time, for short lives
        return ["java", heap, compiled_once, logging, "-cp", f"{self._libs}/*", *program]

    def _format(self) -> None:
        users = (f"SCRAM-SHA-512=[name={name},password={password}]" for name, password in self._users.items())
        told = [*("-t", _CLUSTER_ID, "-c", str(self._settings)), *(f"--add-scram={user}" for user in users)]
        done = subprocess.run(
            self._java("-Xmx128m", "kafka.tools.StorageTool", "format", *told),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C is for us
        )
        if done.returncode:
            raise ProcessError(f"Kafka's storage in {self._folder} cannot be formatted:\n{done.stdout}")


def brokers_listed(port: int, timeout_s: float = 2.0) -> int:
    """How many brokers a Kafka on loopback lists; 0 if it does not answer."""
    # Metadata request, version 4: correlation id 1, no client id, of no topics, creating none
    request = struct.pack(">hhihi?", 3, 4, 1, -1, 0, False)  # noqa: FBT003 - as the protocol has it
    try:
        with socket.create_connection((LOOPBACK, port), timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.makefile("rb").read(16)
    except OSError:
        return 0
    if len(answer) < 16:  # noqa: PLR2004 - size, correlation id, throttle time, brokers
        return 0
    (_, _, _, brokers) = struct.unpack(">iiii", answer)
    return int(brokers)
