"""`heapster-stream scraper`: scrapes the kubelets and the Kubernetes API into the topic `kubelet-stats`."""

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
from runtime.metrics import serve_metrics
from runtime.probe import KafkaProbe
from runtime.shutdown import stop_on_signals
from runtime.topics import wait_for_topics
from schemas.topics import Topic, topics
from scraper.check.probe import run_checks
from scraper.check.report import captured_warnings, report
from scraper.config import FLAG, SourceConfig
from scraper.kubelet import open_files
from scraper.rounds.schedule import MAX_SPREAD_SHARE, MIN_RESOLUTION
from scraper.rounds.worker import Worker, WorkerConfig

_CLUSTER_NAME: Final = re.compile(r"[^/\x00-\x1f\x7f\ud800-\udfff]{1,200}")


@click.command("scraper", context_settings=flags.CONTEXT)
@flags.flag(
    FLAG,
    multiple=True,
    metavar="KEY:URI",
    help="The cluster to scrape, exactly one: kubernetes, or 'kubernetes:https://HOST:PORT?OPTION=VALUE&…' in quotes;"
    " kubernetes.summary_api is an alias. Options with their defaults: inClusterConfig=true, auth= (path of a"
    " kubeconfig), useServiceAccount=false, insecure=false (true: do not verify the API server's certificate);"
    " kubeletPort=10255, nodeStatusPort=false (true: use the kubelet port in the node's status if it has one),"
    " kubeletHttps=false, kubeletCA= (path), kubeletInsecure=false (true: do not verify kubelets' certificates),"
    " kubeletProxy=false (true: connect through the API server), addressTypes= (for example InternalIP,Hostname),"
    " labelSelector= (selects nodes), podSource=api (kubelet: read pods from the kubelets), cadvisor=false (true: add"
    " memory/cache, cpu/load and disk IO from /metrics/cadvisor), host_id_annotation= (for nodes without externalID),"
    " apiVersion=v1 (ignored). See docs/configuration.md, 2.",
)
@flags.kafka_flags
@flags.topic_flags
@flags.flag(
    "--metric-resolution",
    type=flags.Duration(at_least=MIN_RESOLUTION),
    default="60s",
    help="Length of a window, from 5s to 24h. Every node is scraped once per window.",
)
@flags.flag(
    "--scrape-spread",
    type=flags.Duration(),
    default=None,
    show_default="12ms per node, at most 12s and a fifth of a window",
    help="Time over which the requests of a window are spread; 0s sends all at once. Increase it if consumer lag rises"
    " in each window and falls before the next: peak load decreases, but the totals of a window are complete later."
    " At most half of --metric-resolution.",
)
@flags.flag("--cluster-name", default="default", help="Name of the cluster; part of every record and key.")
@click.option(
    "--check", is_flag=True, help="Test the configuration once, print each failure with its cause and advice, and exit."
)
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
    """Scrape the kubelet of every node once per window and publish the result to kubelet-stats.

    Each record also holds the node's objects of the Kubernetes API. Several scrapers share the nodes through a Kafka
    consumer group; if one fails, the others take over its nodes.
    """
    logs.start()
    if not _CLUSTER_NAME.fullmatch(cluster_name):
        raise ConfigError(f"--cluster-name={cluster_name!r}: use 1 to 200 printable characters without a slash")
    if scrape_spread is not None and scrape_spread > metric_resolution * MAX_SPREAD_SHARE:
        raise ConfigError(
            f"--scrape-spread={scrape_spread / NS_PER_S:g}s: use at most half of --metric-resolution,"
            f" which is {metric_resolution / NS_PER_S:g}s"
        )
    topic = topics(kafka.prefix).kubelet_stats
    if check:
        sys.exit(run_check(source, kafka, topic))
    source_config = SourceConfig.parse(source)
    config = WorkerConfig(
        source=source_config,
        cluster=cluster_name,
        resolution_ns=metric_resolution,
        spread_ns=scrape_spread,
        kafka=kafka,
        topic=topic,
    )
    health = Health(time.monotonic)
    with serve_metrics(metrics_ip, metrics_port, health):
        sys.exit(run(config, health))


def run(config: WorkerConfig, health: Health) -> int:
    """Run one worker until SIGTERM or SIGINT; the exit status."""
    open_files.raise_limit()
    stopped = stop_on_signals()
    partitions = wait_for_topics(config.kafka, (config.topic,), stopped)
    if partitions is None:
        return 0
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # logged once by the scraper itself
    bugs = _stop_on_bugs(stopped)
    worker = Worker(config, partitions[config.topic.name], stopped, health)
    KafkaProbe(config.kafka, config.topic.name, health, stopped)
    worker.run()
    return 1 if bugs else 0


def run_check(source: tuple[str, ...], kafka: KafkaSettings, topic: Topic) -> int:
    """Run all checks and print the findings; 0 if all checks pass, otherwise 1."""
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    with captured_warnings() as warnings:
        findings = list(run_checks(source, kafka, topic))
    report(findings, warnings, Console())
    return 0 if all(each.passed for each in findings) else 1


def _stop_on_bugs(stopped: threading.Event) -> list[str]:
    """Set `stopped` if a thread ends with an exception; the returned list receives the names of such threads."""
    bugs: list[str] = []
    print_traceback = threading.excepthook

    def stop(failed: threading.ExceptHookArgs) -> None:
        bugs.append(failed.thread.name if failed.thread else "")
        print_traceback(failed)
        stopped.set()

    threading.excepthook = stop
    return bugs


if __name__ == "__main__":
    flags.run(scraper)
