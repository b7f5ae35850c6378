"""The checks of `scraper --check`: everything that a worker needs is tried once, without writing anything.

Every check runs in a daemon thread; one that hangs is abandoned after a timeout.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from typing import Final, Generic, NamedTuple, Self, TypeVar

from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import KafkaSettings
from runtime.kafka_properties import FLAG
from runtime.topics import existing_topics
from schemas.topics import Topic
from scraper.check import diagnosis
from scraper.check.diagnosis import Finding, Permission
from scraper.cluster.client import ApiError, ApiResource, RelistError
from scraper.cluster.objects import ClusterNode, Json
from scraper.cluster.snapshot import skip_reason
from scraper.config import SourceConfig
from scraper.kubelet.client import MAX_DOCUMENT_BYTES, KubeletClient, ScrapeError
from scraper.kubelet.deadline import Deadline

STEP_TIMEOUT_S: Final = 12.0
"""For each of three steps: reading the credentials; the API server and Kafka; the kubelets."""

REQUEST_TIMEOUT_S: Final = 10.0
_MAX_REASONS: Final = 3
_Result = TypeVar("_Result")


class _Node(NamedTuple):
    node: ClusterNode
    version: str  # of its kubelet

    @classmethod
    def of(cls, source: SourceConfig, item: Json) -> Self:
        info = (item.get("status") or {}).get("nodeInfo") or {}
        return cls(source.read_node(item), str(info.get("kubeletVersion") or "of unknown version"))


def run_checks(sources: Sequence[str], kafka: KafkaSettings, topic: Topic) -> Iterator[Finding]:
    """Run all checks; each finding as soon as it is known."""
    kafka_check = _Task(lambda: [_check_kafka(kafka, topic)])
    config_check = _Task(lambda: SourceConfig.parse(sources))
    try:
        source = config_check.result()
    except (ConfigError, TimeoutError) as error:
        yield Finding("--source", passed=False, result=str(error), advice=diagnosis.source_advice(error))
    else:
        yield Finding("--source", passed=True, result=f"API server {source.login.configuration.host}")
        yield from _check_cluster(source)
    yield from _findings("Kafka", kafka_check)


def _check_cluster(source: SourceConfig) -> Iterator[Finding]:
    nodes: list[_Node] = []
    names = ("nodes", "namespaces") if source.pods_of_kubelets else ("nodes", "pods", "namespaces")
    tasks = {name: _Task(partial(_check_resource, source, name, nodes)) for name in names}
    found = [each for name, task in tasks.items() for each in _findings(f"list {name}", task)]
    if len({each.result for each in found}) == 1:  # the same failure for all resources: report it once
        yield replace(found[0], check="API server")
        return
    yield from found
    if nodes:
        yield from _check_kubelets(source, nodes)


def _check_resource(source: SourceConfig, name: str, nodes: list[_Node]) -> list[Finding]:
    """List and watch a resource; all nodes are added to `nodes`."""
    resource = ApiResource(source.login, name, selector=source.node_selector if name == "nodes" else "")
    needed = (Permission("list", name), Permission("watch", name))
    try:
        if name == "nodes":
            version = resource.list(lambda item: nodes.append(_Node.of(source, item)), timeout_s=REQUEST_TIMEOUT_S)
        else:
            version = resource.current_version(timeout_s=REQUEST_TIMEOUT_S)
    except (ApiError, RelistError) as error:
        return [diagnosis.api_failure(f"list {name}", error, needed)]
    listed = Finding(f"list {name}", passed=True, result=f"{len(nodes)} nodes" if name == "nodes" else "allowed")
    try:
        resource.watch(version, timeout_s=1).close()
    except (ApiError, RelistError) as error:
        return [listed, diagnosis.api_failure(f"watch {name}", error, needed[1:])]
    return [listed, Finding(f"watch {name}", passed=True, result="allowed")]


def _check_kubelets(source: SourceConfig, nodes: Sequence[_Node]) -> Iterator[Finding]:
    """Check one kubelet of each version, on the first node of that version that can be scraped."""
    yield _check_nodes(len(nodes), [reason for each in nodes if (reason := skip_reason(each.node))])
    chosen = {each.version: each.node for each in reversed(nodes) if not skip_reason(each.node)}
    kubelets = KubeletClient(source.login, source.kubelets)
    tasks = {
        f"kubelet {version} ({node.name})": _Task(partial(_check_kubelet, source, kubelets, node))
        for version, node in sorted(chosen.items())
    }
    for name, task in tasks.items():
        yield from (replace(each, check=name) for each in _findings(name, task))


def _check_nodes(count: int, skipped: Sequence[str]) -> Finding:
    reasons = "; ".join([*skipped[:_MAX_REASONS], *(["…"] if len(skipped) > _MAX_REASONS else [])])
    result = f"{count - len(skipped)} of {count} can be scraped{': ' if reasons else ''}{reasons}"
    if len(skipped) < count:
        return Finding("nodes to scrape", passed=True, result=result)
    advice = "no node is ready and has a usable address: check addressTypes, labelSelector and the nodes' conditions"
    return Finding("nodes to scrape", passed=False, result=result, advice=advice)


def _check_kubelet(source: SourceConfig, kubelets: KubeletClient, node: ClusterNode) -> list[Finding]:
    deadline = Deadline(REQUEST_TIMEOUT_S)
    try:
        summary = kubelets.summary(node, deadline)
        read = [f"Summary of {len(summary.document)} bytes with {len(summary.pods)} pods"]
        if source.pods_of_kubelets:
            read.append(f"/pods with {len(kubelets.pods(node, deadline))} pods")
        if source.cadvisor:
            lines = kubelets.cadvisor(node, deadline, MAX_DOCUMENT_BYTES - len(summary.document))
            read.append(f"{len(lines)} bytes of cAdvisor metrics")
    except ScrapeError as error:
        return [diagnosis.kubelet_failure("kubelet", error, source)]
    return [Finding("kubelet", passed=True, result=", ".join(read))]


def _check_kafka(kafka: KafkaSettings, topic: Topic) -> Finding:
    try:
        partitions = existing_topics(kafka, (topic,)).get(topic.name)
    except (ConfigError, UnavailableError) as error:
        advice = f"check --kafka-brokers and {FLAG}: see docs/kafka-access.md"
        return Finding("Kafka", passed=False, result=str(error), advice=advice)
    if partitions is None:
        return Finding("Kafka", passed=True, result=f"topic {topic.name} does not exist, the scraper creates it")
    return Finding("Kafka", passed=True, result=f"topic {topic.name} with {partitions} partitions")


def _findings(check: str, task: "_Task[list[Finding]]") -> list[Finding]:
    """The findings of a task, or one that says why it did not end normally."""
    try:
        return task.result()
    except TimeoutError as error:
        return [Finding(check, passed=False, result=str(error), advice=diagnosis.UNREACHABLE)]
    except Exception as error:  # noqa: BLE001 - every failure is reported to the user
        result = f"{type(error).__name__}: {error}"
        return [Finding(check, passed=False, result=result, advice=diagnosis.UNEXPECTED)]


class _Task(Generic[_Result]):
    """Work in a daemon thread, started at once."""

    def __init__(self, work: Callable[[], _Result]) -> None:
        self._deadline = Deadline(STEP_TIMEOUT_S)
        self._result: Future[_Result] = Future()
        threading.Thread(target=self._run, args=(work,), daemon=True, name="check").start()

    def _run(self, work: Callable[[], _Result]) -> None:
        try:
            self._result.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again by result()
            self._result.set_exception(error)

    def result(self) -> _Result:
        """The result of the work, or its exception. Raises TimeoutError if it is not done in time."""
        wait([self._result], max(0.0, self._deadline.left_s()))
        if not self._result.done():
            raise TimeoutError(f"no response within {STEP_TIMEOUT_S:.0f} s")
        return self._result.result()
