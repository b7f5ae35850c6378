"""`heapster-stream scraper`: kubelets and the Kubernetes API into kubelet-stats."""

import logging
import re
import threading
import time
from typing import Final

import click

from runtime import flags
from runtime.duration import NS_PER_S
from runtime.errors import ConfigError
from runtime.kafka import wait_for_topics
from runtime.logs import start_logging
from runtime.stopping import stop_on_signals
from schemas.topics import topics
from scraper import telemetry
from scraper.cluster import ClusterWatch
from scraper.config import SourceConfig
from scraper.leases import mine
from scraper.membership import Membership
from scraper.publish import Publisher
from scraper.round import Rounds
from scraper.schedule import SHORTEST_RESOLUTION_NS, Window, first_window, next_window

log = logging.getLogger(__name__)

_FLUSH_S: Final = 5.0
_SYNC_POLL_S: Final = 0.2


@click.command("scraper", context_settings=flags.CONTEXT)
@flags.flag(
    "--source",
    multiple=True,
    metavar="KEY:URI",
    help="The cluster, as kubernetes:http://HOST:8080?inClusterConfig=false&kubeletPort=10255. Options:"
    " inClusterConfig=true, kubeletPort=10255, kubeletHttps=false, nodeStatusPort=false (true: the kubelet's port as"
    " its node's status says), insecure=false (true: the API server's certificate is not checked), auth= (a"
    " kubeconfig), useServiceAccount=false, host_id_annotation=, apiVersion=v1. kubernetes.summary_api means the same.",
)
@flags.kafka_brokers
@flags.flag(
    "--metric-resolution",
    type=flags.Duration(at_least_ns=SHORTEST_RESOLUTION_NS),
    default="60s",
    help="Length of a window: every node is scraped once in each. A duration of 5s or more.",
)
@flags.flag("--cluster-name", default="default", help="Name of the cluster, part of every record and key.")
@flags.log_level
def scraper(
    source: tuple[str, ...], kafka_brokers: str, metric_resolution: int, cluster_name: str, log_level: str
) -> None:
    """Read every node's kubelet once a window, and what the Kubernetes API says about it, into kubelet-stats.

    Start as many as you like: Kafka shares the nodes among them, and gives those of one that dies to the others.
    """
    start_logging(log_level)
    if not re.fullmatch(r"[^/\s\x00-\x1f]{1,200}", cluster_name):
        raise ConfigError(f"--cluster-name={cluster_name!r}: a name without slashes and white space is needed")
    run(SourceConfig.parse(source), kafka_brokers, metric_resolution, cluster_name)


def run(source: SourceConfig, brokers: str, resolution_ns: int, cluster: str) -> None:
    """Scrape window after window until told to stop; then hand over what has been read and leave the group."""
    stopped = stop_on_signals()
    live = topics()
    found = wait_for_topics(brokers, live.all, stopped)
    if found is None:
        return
    watch = ClusterWatch(source.api, source.host_id_annotation, stopped)
    watch.start()
    membership = Membership(brokers, live.kubelet_stats, stopped)
    membership.start()
    publisher = Publisher(brokers, live.kubelet_stats, stopped)
    rounds = Rounds(cluster=cluster, resolution_ns=resolution_ns, source=source, publisher=publisher, stopped=stopped)
    partitions = found[live.kubelet_stats.name]
    window = first_window(time.time_ns(), resolution_ns)
    while _until(window, stopped):
        if _synced(watch, window, resolution_ns, stopped):
            partitions = membership.partitions(partitions)
            snapshot = watch.snapshot()
            nodes = mine(snapshot.nodes, cluster, membership.assigned, partitions)
            began = time.monotonic()
            answered = rounds.run(window, snapshot, nodes)
            log.info(
                "window scraped",
                extra={
                    "window_end": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(window.end_ns // NS_PER_S)),
                    "nodes": len(nodes),
                    "answered": answered,
                    "seconds": round(time.monotonic() - began, 3),
                    "waiting_for_kafka": publisher.waiting(),
                },
            )
        window = _next(window, resolution_ns)
    rounds.close()
    membership.leave()
    left = publisher.flush(_FLUSH_S)
    if left:
        log.error("Kafka has not taken all records", extra={"records": left})


def _until(window: Window, stopped: threading.Event) -> bool:
    """Wait for the window's time; False if told to stop before."""
    return not stopped.wait(max(0.0, (window.fires_at_ns - time.time_ns()) / NS_PER_S))


def _synced(watch: ClusterWatch, window: Window, resolution_ns: int, stopped: threading.Event) -> bool:
    """Whether the cluster is known, in time for this window: the first list may take a moment."""
    while not watch.synced:
        if time.time_ns() > window.fires_at_ns + resolution_ns // 4 or stopped.wait(_SYNC_POLL_S):
            log.warning("window not scraped: the Kubernetes API has not been listed yet")
            return False
    return True


def _next(window: Window, resolution_ns: int) -> Window:
    following = next_window(window, time.time_ns(), resolution_ns)
    missed = (following.end_ns - window.end_ns) // resolution_ns - 1
    if missed:
        telemetry.missed.inc(missed)
        log.warning("windows missed: the round took too long", extra={"windows": missed})
    return following


if __name__ == "__main__":
    flags.run(scraper)
