"""The whole pipeline on a Kafka with authentication and TLS that several teams share."""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import trustme
from confluent_kafka.admin import AdminClient
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from replay.time_range import time_text
from runtime.errors import UnavailableError
from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from runtime.topics import ensure_topics
from schemas.topics import Topic
from simulator.cluster import ClusterSize
from simulator.server import SimulatedCluster
from tests.waiting import wait_until
from tools.chaos.contents import Database
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka, Secured
from tools.stack.process import Process
from writer.sinks.registry import create_sink

PREFIX: Final = "team-a."
DEADLINE_S: Final = 180.0
SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
PLAIN: Final = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_bob="bob-secret";'


@dataclass(frozen=True, slots=True)
class Site:
    """The Kafka, and the file with the properties of its clients."""

    kafka: Kafka
    brokers: str
    config: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    secured = Secured(
        properties={
            "sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": SCRAM,
            "listener.name.sasl_ssl.plain.sasl.jaas.config": PLAIN,
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore(folder / "broker.pem", authority)),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "ca.pem"),
        },
        scram_users={"alice": "alice-secret"},
    )
    kafka = Kafka(folder / "kafka", secured).start()
    config = folder / "client.properties"
    config.write_text(
        "# from the administrator\n"
        "security.protocol=SASL_SSL\n"
        "sasl.mechanism = SCRAM-SHA-512\n"
        "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n"
        '  username="alice" password="alice-secret";\n'
        f"ssl.ca.location={folder / 'ca.pem'}\n"
    )
    yield Site(kafka, secured.bootstrap, config)
    kafka.stop()


def keystore(path: Path, authority: trustme.CA) -> Path:
    """Write the broker's certificate and key in Kafka's format."""
    issued = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + b"".join(part.bytes() for part in issued.cert_chain_pems)
    )
    return path


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "heapster_stream", *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_all_services_authenticate_and_use_the_topic_prefix(
    site: Site, influxdb: InfluxDB, influx_database: str, service: Callable[..., Process]
) -> None:
    known = (f"--kafka-brokers={site.brokers}", f"--kafka-config={site.config}", f"--topic-prefix={PREFIX}")
    sink = f"--sink=influxdb:{influxdb.url}?db={influx_database}&user={influxdb.user}&pw={influxdb.password}"
    created = ran("topics", *known, "--partitions=2", "--replication-factor=1")
    assert created.returncode == 0, created.stderr
    with SimulatedCluster.generated(ClusterSize(nodes=3, pods_per_node=2)) as cluster:
        source = f"kubernetes:{cluster.api_url}?inClusterConfig=false&kubeletPort={cluster.kubelet_port}"
        services = [
            service("processor", *known),
            service("writer", *known, sink, "--log-level=debug", "--kafka-config=debug=security"),
            service("scraper", *known, f"--source={source}", "--metric-resolution=5s"),
            service("api", *known, "--heapster-port=0"),
        ]
        found = Database(influxdb, influx_database)

        wait_until(lambda: len(window_ends(found)) >= 2, "two windows of the cluster in InfluxDB")
        wait_until(lambda: answers(services[-1], "/readyz"), "the api is ready")
        assert all(one.running for one in services)
        admin = AdminClient({"bootstrap.servers": site.kafka.bootstrap})
        topics = {name for name in admin.list_topics(timeout=30).topics if not name.startswith("__")}
        groups = {each.group_id for each in admin.list_consumer_groups().result().valid}
        assert all(name.startswith(PREFIX) for name in topics | groups), (topics, groups)
        assert f"{PREFIX}heapster-processor-samples-changelog" in topics
        assert [one.stop() for one in services[:-1]] == [0, 0, 0]
        services[-1].stop()
    letters = ran("dead-letters", "list", *known)
    assert (letters.returncode, letters.stderr) == (0, "0 dead letters\n")
    first, *_, last = window_ends(found)
    time_range = (f"--from={time_text(first)}", f"--to={time_text(last)}")
    replayed = ran("replay", *known, *time_range, "--topic-suffix=-again")
    assert replayed.returncode == 0, replayed.stderr
    assert all("alice-secret" not in one.log.read_text() for one in services)


def answers(api: Process, path: str) -> bool:
    """Return whether the api is started and answers the path with status 200."""
    urls = re.findall(r'"url": "(\S+)"', api.text)
    try:
        return bool(urls) and urllib.request.urlopen(urls[0] + path, timeout=10).status == 200
    except urllib.error.HTTPError:
        return False


def window_ends(database: Database) -> list[int]:
    """Ends of the windows whose cluster sums are in the database, in order."""
    of_cluster = database.query('SELECT "value" FROM "memory/usage" WHERE "type" = \'cluster\'')
    return sorted(row[0] for series in of_cluster for row in series["values"])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(("sasl.password=wrong",), "Authentication failed", id="a wrong password"),
        pytest.param(("sasl.mechanism=PLAIN", "sasl.username=eve"), "Authentication failed", id="a stranger"),
        pytest.param(("ssl.ca.location=probe",), "certificate verify failed", id="an untrusted authority"),
    ],
)
@pytest.mark.parametrize("command", ["processor", "topics"])
def test_wrong_credentials_are_a_start_up_error_of_one_line(
    site: Site, command: str, given: tuple[str, ...], reason: str
) -> None:
    config = (f"--kafka-config={each}" for each in (site.config, *given))
    done = ran(command, f"--kafka-brokers={site.brokers}", *config)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"heapster-stream: cannot log in to Kafka at {site.brokers}: ")
    assert reason in last
    assert "--kafka-config" in last
    assert "alice-secret" not in done.stderr


def test_missing_credentials_are_reported_with_the_property_to_set(site: Site) -> None:
    done = ran("topics", f"--kafka-brokers={site.brokers}")
    assert done.returncode == 1
    assert "security.protocol" in done.stderr.splitlines()[-1]


def test_plain_passwords_from_the_environment(site: Site) -> None:
    properties = (
        str(site.config),
        "sasl.mechanism=PLAIN",
        "sasl.username=bob",
        "sasl.password=bob-secret",
    )
    environment = os.environ | {"HEAPSTER_KAFKA_CONFIG": "\n".join(properties)}
    command = [sys.executable, "-m", "heapster_stream", "dead-letters", "list", f"--kafka-brokers={site.brokers}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "0 dead letters\n")


def test_the_kafka_sink_authenticates(site: Site) -> None:
    topic = Topic(name="heapster-metrics", retention_ms=-1)
    ensure_topics(KafkaSettings(site.kafka.bootstrap), [topic], partitions=1)
    authority = site.config.with_name("ca.pem")
    known = f"kafka:?brokers={site.brokers}&user=bob&cacert={authority}"
    sink = create_sink("--sink", f"{known}&password=bob-secret")
    sink.prepare()
    sink.write(b"{}\n[]\n")
    unchecked = f"kafka:?brokers={site.brokers}&user=bob&password=bob-secret&insecuressl=true"
    create_sink("--sink", unchecked).write(b"3\n")
    with pytest.raises(UnavailableError, match=r"Kafka at .*Authentication failed") as raised:
        create_sink("--sink", f"{known}&password=wrong").prepare()
    assert "wrong" not in str(raised.value)
    with TopicReader(KafkaSettings(site.kafka.bootstrap), "test") as reader:
        assert reader.bounds(topic.name) == {0: (0, 3)}
