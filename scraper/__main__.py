"""`heapster-stream scraper`: kubelets and the Kubernetes API into kubelet-stats."""

import re
import sys
import threading
import time
from typing import Final

import click
import urllib3
from rich.console import Console

from runtime import flags
from runtime.duration import NS_PER_S
from runtime.errors import ConfigError
from runtime.health import Health
from runtime.kafka import KafkaSettings
from runtime.logs import LogSettings
from runtime.metrics import metrics_served
from runtime.probe import KafkaProbe
from runtime.shutdown import stop_on_signals
from runtime.topics import wait_for_topics
from schemas.topics import Topic, topics
from scraper.check.probe import findings
from scraper.check.report import notes_taken, report
from scraper.config import FLAG, SourceConfig
from scraper.kubelet import open_files
from scraper.rounds.schedule import LONGEST_SPREAD_SHARE, SHORTEST_RESOLUTION
from scraper.rounds.worker import Worker, WorkerConfig

_CLUSTER_NAME: Final = re.compile(r"[^/\x00-\x1f\x7f\ud800-\udfff]{1,200}")


@click.command("scraper", context_settings=flags.CONTEXT)
@flags.flag(
    FLAG,
    multiple=True,
    metavar="KEY:URI",
    help="The cluster: kubernetes, or kubernetes:https://HOST:PORT?OPTION=VALUE&… in quotes; exactly one."
    " kubernetes.summary_api means the same. Options: inClusterConfig=true, auth= (path of a kubeconfig),"
    " useServiceAccount=false, insecure=false (true: the API server's certificate is not verified); kubeletPort=10255,"
    " nodeStatusPort=false (true: the port that a node's status gives for its kubelet, where it gives one),"
    " kubeletHttps=false, kubeletCA= (path), kubeletInsecure=false (true: kubelets' certificates are not verified),"
    " kubeletProxy=false (true: through the API server), addressTypes= (as InternalIP,Hostname), labelSelector= (of"
    " nodes), podSource=api (kubelet: pods come from the kubelets), cadvisor=false (true: also memory/cache, cpu/load"
    " and disk IO, of the kubelet's /metrics/cadvisor), host_id_annotation= (of nodes without externalID),"
    " apiVersion=v1. See docs/configuration.md, 2.",
)
@flags.kafka_flags
@flags.topic_flags
@flags.flag(
    "--metric-resolution",
    type=flags.Duration(at_least=SHORTEST_RESOLUTION),
    default="60s",
    help="Length of a window, in each of which every node is scraped once: from 5s to 24h.",
)
@flags.flag(
    "--scrape-spread",
    type=flags.Duration(),
    default=None,
    show_default="12ms a node, at most 12s and a fifth of a window",
    help="Over how long the requests of a window are spread, each node at its own moment; 0s: all at once. Longer, if"
    " lag grows in each window and is gone before the next: peaks are lower, fewer cores are needed, but a window's"
    " totals are there later. At most half of --metric-resolution.",
)
@flags.flag("--cluster-name", default="default", help="Name of the cluster: part of every record and key.")
@click.option("--check", is_flag=True, help="Try the whole configuration once, say what does not work and why, end.")
@flags.metrics_flags
@flags.log_flags
def scraper(  # noqa: PLR0913 - a flag each
    *,
    source: tuple[str, ...],
    kafka: KafkaSettings,
    metric_resolution: int,
    scrape_spread: int | None,
    cluster_name: str,
    check: bool,
    metrics_port: int,
    metrics_ip: str,
    logs: LogSettings,
) -> None:
    """Read every node's kubelet once a window, and what the Kubernetes API says about it, into kubelet-stats.

    Start as many as you like: Kafka shares the nodes among them, and gives those of one that dies to the others.
    """
    logs.start()
    if not _CLUSTER_NAME.fullmatch(cluster_name):
        raise ConfigError(
            f"--cluster-name={cluster_name!r}: 1 to 200 characters are needed, none of them a slash or unprintable"
        )
    if scrape_spread is not None and scrape_spread > metric_resolution * LONGEST_SPREAD_SHARE:
        raise ConfigError(
            f"--scrape-spread={scrape_spread / NS_PER_S:g}s: at most half of --metric-resolution,"
            f" which is {metric_resolution / NS_PER_S:g}s"
        )
    topic = topics(kafka.prefix).kubelet_stats
    if check:
        sys.exit(run_check(source, kafka, topic))
    read_from = SourceConfig.parse(source)
    config = WorkerConfig(
        source=read_from,
        cluster=cluster_name,
        resolution_ns=metric_resolution,
        spread_ns=scrape_spread,
        kafka=kafka,
        topic=topic,
    )
    health = Health(time.monotonic)
    with metrics_served(metrics_ip, metrics_port, health):
        sys.exit(run(config, health))


def run(config: WorkerConfig, health: Health) -> int:
    """Run one worker until it is told to stop; the exit status."""
    open_files.allow_many()
    stopped = stop_on_signals()
    found = wait_for_topics(config.kafka, (config.topic,), stopped)
    if found is None:
        return 0
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # told already, and once is enough
    bugs = _stop_on_bugs(stopped)
    worker = Worker(config, found[config.topic.name], stopped, health)
    KafkaProbe(config.kafka, config.topic.name, health, stopped)
    worker.run()
    return 1 if bugs else 0


def run_check(source: tuple[str, ...], kafka: KafkaSettings, topic: Topic) -> int:
    """Try everything once and print what came of it; 0 if all is well, else 1."""
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    with notes_taken() as notes:
        found = list(findings(source, kafka, topic))
    report(found, notes, Console())
    return 0 if all(each.good for each in found) else 1


def _stop_on_bugs(stopped: threading.Event) -> list[str]:
    """Let no thread die unnoticed: the process then ends with status 1. Returns the list of those that died."""
    bugs: list[str] = []
    tell = threading.excepthook

    def note(failed: threading.ExceptHookArgs) -> None:
        bugs.append(failed.thread.name if failed.thread else "")
        tell(failed)
        stopped.set()

    threading.excepthook = note
    return bugs


if __name__ == "__main__":
    flags.run(scraper)
