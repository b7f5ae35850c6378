"""`scraper --check`: tries once all that a worker needs, and says what to do about what does not work.

Nothing is written, nothing is waited for for long: what hangs is left behind in its thread.
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
from scraper.check import diagnosis as advice
from scraper.check.diagnosis import Finding, Right
from scraper.cluster.client import ApiError, ApiResource, RelistError
from scraper.cluster.objects import ClusterNode, Json, node_of
from scraper.cluster.snapshot import unfit
from scraper.config import SourceConfig
from scraper.kubelet.client import LARGEST_DOCUMENT_BYTES, KubeletClient, ScrapeError
from scraper.kubelet.deadline import Deadline

LONGEST_S: Final = 12.0
"""For each of three steps: the credentials, the API server beside Kafka, the kubelets."""

KUBELET_S: Final = 10.0
_MOST_NAMED: Final = 3
_Result = TypeVar("_Result")


class _Node(NamedTuple):
    node: ClusterNode
    version: str  # of its kubelet

    @classmethod
    def of(cls, source: SourceConfig, item: Json) -> Self:
        info = (item.get("status") or {}).get("nodeInfo") or {}
        node = node_of(item, source.host_id_annotation, source.address_types)
        return cls(node, str(info.get("kubeletVersion") or "of unknown version"))


def findings(sources: Sequence[str], kafka: KafkaSettings, topic: Topic) -> Iterator[Finding]:
    """What was found out, as it is."""
    kafkas = _Begun(lambda: [_kafka(kafka, topic)])
    source = _Begun(lambda: SourceConfig.parse(sources))
    try:
        read_from = source.result()
    except (ConfigError, TimeoutError) as error:
        yield Finding("the source", good=False, found=str(error), advice=advice.of_source(error))
    else:
        yield Finding("the source", good=True, found=f"API server {read_from.login.configuration.host}")
        yield from _cluster(read_from)
    yield from _told("Kafka", kafkas)


def _cluster(source: SourceConfig) -> Iterator[Finding]:
    nodes: list[_Node] = []
    names = ("nodes", "namespaces") if source.pods_of_kubelets else ("nodes", "pods", "namespaces")
    begun = {name: _Begun(partial(_resource, source, name, nodes)) for name in names}
    found = [each for name, one in begun.items() for each in _told(f"list {name}", one)]
    if len({each.found for each in found}) == 1:  # they fail alike: it is not about one of them
        yield replace(found[0], what="API server")
        return
    yield from found
    if nodes:
        yield from _kubelets(source, nodes)


def _resource(source: SourceConfig, name: str, nodes: list[_Node]) -> list[Finding]:
    """Whether it may be listed and watched; nodes, all of them, are kept."""
    resource = ApiResource(source.login, name, selector=source.node_selector if name == "nodes" else "")
    both = (Right("list", name), Right("watch", name))
    try:
        if name == "nodes":
            version = resource.list(lambda item: nodes.append(_Node.of(source, item)), longest_s=KUBELET_S)
        else:
            version = resource.first_version(longest_s=KUBELET_S)
    except (ApiError, RelistError) as error:
        return [advice.of_api(f"list {name}", error, both)]
    listed = Finding(f"list {name}", good=True, found=f"{len(nodes)} of them" if name == "nodes" else "allowed")
    try:
        resource.watch(version, longest_s=1).close()
    except (ApiError, RelistError) as error:
        return [listed, advice.of_api(f"watch {name}", error, both[1:])]
    return [listed, Finding(f"watch {name}", good=True, found="allowed")]


def _kubelets(source: SourceConfig, nodes: Sequence[_Node]) -> Iterator[Finding]:
    """One of each version that is found on nodes which can be scraped."""
    reasons = [reason for each in nodes if (reason := unfit(each.node))]
    yield _nodes(len(nodes), reasons)
    fit = {each.version: each.node for each in reversed(nodes) if not unfit(each.node)}  # the first of each
    kubelets = KubeletClient(source.login, source.kubelets)
    begun = {
        f"kubelet {version} ({node.name})": _Begun(partial(_kubelet, source, kubelets, node))
        for version, node in sorted(fit.items())
    }
    for name, one in begun.items():
        yield from (replace(each, what=name) for each in _told(name, one))


def _nodes(count: int, unready: Sequence[str]) -> Finding:
    named = "; ".join([*unready[:_MOST_NAMED], *(["…"] if len(unready) > _MOST_NAMED else [])])
    found = f"{count - len(unready)} of {count} can be scraped{': ' if named else ''}{named}"
    if len(unready) < count:
        return Finding("nodes to scrape", good=True, found=found)
    return Finding(
        "nodes to scrape", good=False, found=found, advice="none is ready with an address: addressTypes, labelSelector"
    )


def _kubelet(source: SourceConfig, kubelets: KubeletClient, node: ClusterNode) -> list[Finding]:
    deadline = Deadline(KUBELET_S)
    try:
        answer = kubelets.fetch(node, deadline)
        read = [f"{len(answer.document)} bytes about {len(answer.pods)} pods"]
        if source.pods_of_kubelets:
            read.append(f"its list of {len(kubelets.pods(node, deadline))} pods")
        if source.cadvisor:
            lines = kubelets.cadvisor(node, deadline, LARGEST_DOCUMENT_BYTES - len(answer.document))
            read.append(f"{len(lines)} bytes of cadvisor's metrics")
    except ScrapeError as error:
        return [advice.of_kubelet("kubelet", error, source)]
    return [Finding("kubelet", good=True, found=", ".join(read))]


def _kafka(kafka: KafkaSettings, topic: Topic) -> Finding:
    try:
        partitions = existing_topics(kafka, (topic,)).get(topic.name)
    except (ConfigError, UnavailableError) as error:
        return Finding(
            "Kafka", good=False, found=str(error), advice=f"--kafka-brokers and {FLAG}: see docs/operating.md, 1"
        )
    if partitions is None:
        return Finding("Kafka", good=True, found=f"topic {topic.name} is to be created, as the scraper does at start")
    return Finding("Kafka", good=True, found=f"topic {topic.name} with {partitions} partitions")


def _told(what: str, begun: "_Begun[list[Finding]]") -> list[Finding]:
    try:
        return begun.result()
    except TimeoutError as error:
        return [Finding(what, good=False, found=str(error), advice=advice.UNREACHABLE)]
    except Exception as error:  # noqa: BLE001 - whatever is broken is told and not thrown: that is what this is for
        return [Finding(what, good=False, found=f"{type(error).__name__}: {error}", advice=advice.UNREADABLE)]


class _Begun(Generic[_Result]):
    """Work in a thread that nobody has to wait for."""

    def __init__(self, work: Callable[[], _Result]) -> None:
        self._ends = Deadline(LONGEST_S)
        self._result: Future[_Result] = Future()
        threading.Thread(target=self._run, args=(work,), daemon=True, name="check").start()

    def _run(self, work: Callable[[], _Result]) -> None:
        try:
            self._result.set_result(work())
        except Exception as error:  # noqa: BLE001 - handed to whoever asks for the result
            self._result.set_exception(error)

    def result(self) -> _Result:
        """What came of it, or what it raised. Raises TimeoutError: nothing yet."""
        wait([self._result], max(0.0, self._ends.left_s()))
        if not self._result.done():
            raise TimeoutError(f"no end after {LONGEST_S:.0f} s")
        return self._result.result()
