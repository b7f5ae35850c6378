"""The simulated cluster as a process, and as Kubernetes' own client sees it."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from kubernetes import client

from runtime.uri import UriOptions, parse_keyed_uri
from simulator.cluster import ClusterSize
from simulator.listening import ListenAddresses
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld

FREE = ("--api-port=0", "--kubelet-port=0", "--first-kubelet-ip=127.0.8.1")


@contextmanager
def started(*flags: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "simulator", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_says_how_to_scrape_it() -> None:
    with started("--nodes=2", "--pods-per-node=1", *FREE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        source = next(word for word in shlex.split(line) if word.startswith("--source="))
        keyed = parse_keyed_uri("--source", source.removeprefix("--source="))
        assert keyed.uri is not None
        options = UriOptions.from_uri(keyed)
        assert not options.boolean("inClusterConfig", default=True)
        nodes = requests.get(f"http://{keyed.uri.netloc}/api/v1/nodes", timeout=10).json()["items"]
        kubelet = f"{nodes[1]['status']['addresses'][0]['address']}:{options.integer('kubeletPort', 10255)}"
        document = requests.get(f"http://{kubelet}/stats/summary", timeout=10).json()
    assert document["node"]["nodeName"] == "node-001"


def test_it_ends_when_told() -> None:
    one = ("--nodes=1", "--pods-per-node=1", *FREE)
    with started(*one) as first, started(*one, "--one-address") as second:
        for process, number in ((first, signal.SIGTERM), (second, signal.SIGINT)):
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(number)
        ends = [(*process.communicate(timeout=10), process.returncode) for process in (first, second)]
    assert ends == [("", "", 0), ("", "", 0)]


def test_the_official_client_reads_a_generated_cluster() -> None:
    shape, layout = ClusterSize(nodes=1, pods_per_node=9), ListenAddresses(first_kubelet_ip="127.0.3.9")
    with (
        SimulatedCluster.generated(shape, layout) as cluster,
        client.ApiClient(client.Configuration(host=cluster.api_url)) as connection,
    ):
        api = client.CoreV1Api(connection)
        lists = (api.list_node(), api.list_namespace(), api.list_pod_for_all_namespaces())
        assert [len(found.items) for found in lists] == [1, 6, 10]


def test_a_watch_ends_when_its_time_is_up_with_a_bookmark_if_allowed() -> None:
    with SimulatedCluster.fixed(FixedWorld()) as cluster:
        query = "watch=true&resourceVersion=0&timeoutSeconds=1"
        marked, unmarked = (
            requests.get(f"{cluster.api_url}/api/v1/pods?{query}{more}", timeout=10).text.splitlines()
            for more in ("&allowWatchBookmarks=true", "")
        )
    assert [json.loads(event)["type"] for event in marked] == ["BOOKMARK"]
    assert unmarked == []
