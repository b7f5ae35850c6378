"""Decode: the kubelet's Summary to entities with the values it reports (docs/processing.md, 4).

Everything carries the node's identity from the Kubernetes API, not from the document: where names differ, the API's
is the one that pods and capacities are known by.
"""

from typing import Final

from processor.core import labels
from processor.core import summary_fields as readings
from processor.core.entity import Entities, Entity
from processor.core.json_block import Block, parse_document
from processor.core.problems import Problem, Problems
from schemas.catalogue import NODE, POD, POD_CONTAINER, SYS_CONTAINER
from schemas.keys import node_key, pod_container_key, pod_key, sys_container_key
from schemas.node_scrape import NodeScrape

SYS_CONTAINER_NAMES: Final = {"runtime": "docker-daemon", "misc": "system"}
"""What Heapster calls them; others keep the kubelet's name."""


def decode(scrape: NodeScrape, problems: Problems) -> Entities:
    """The node, its system containers, its pods and their containers.

    Raises:
        UndecodableError: the document is not JSON, or no object.
        ValueError: the scrape failed, there is no document.
    """
    if scrape.document is None:
        raise ValueError(f"node {scrape.node!r}: a failed scrape has no document: {scrape.error}")
    document = Block(parse_document(scrape.document, problems), problems)
    decoder = _Decoder(scrape, problems)
    decoder.node(document.block("node"))
    for pod in document.blocks("pods"):
        decoder.pod(pod)
    return decoder.entities


class _Decoder:
    def __init__(self, scrape: NodeScrape, problems: Problems) -> None:
        self.entities: Entities = {}
        self._node = scrape.node
        self._scraped_at_ns = scrape.scraped_at_ns
        self._problems = problems
        self._labels = {
            labels.NODENAME: scrape.node,
            labels.HOSTNAME: scrape.hostname or scrape.node,
            labels.HOST_ID: scrape.host_id,
        }

    def node(self, node: Block) -> None:
        if node.text("nodeName") not in {"", self._node}:
            self._problems[Problem.NODE_NAME_MISMATCH] += 1
        entity = Entity(key=node_key(self._node), type=NODE, labels={**self._labels, labels.TYPE: NODE})
        self.entities[entity.key] = entity
        self._start(entity, node)
        cpu, memory, network = node.block("cpu"), node.block("memory"), node.block("network")
        readings.cpu(entity, cpu)
        readings.memory(entity, memory)
        readings.network(entity, network)
        used_bytes = readings.filesystem(entity, node.block("fs"), "/")
        readings.ephemeral_storage(entity, self._problems, used_bytes)
        entity.scrape_ns = _first(cpu.time_ns("time"), memory.time_ns("time"), network.time_ns("time"))
        for container in node.blocks("systemContainers"):
            self._sys_container(container)

    def _sys_container(self, container: Block) -> None:
        reported = container.text("name")
        if not reported:
            self._problems[Problem.UNNAMED_CONTAINER] += 1
            return
        name = SYS_CONTAINER_NAMES.get(reported, reported)
        entity = Entity(
            key=sys_container_key(self._node, name),
            type=SYS_CONTAINER,
            labels={**self._labels, labels.TYPE: SYS_CONTAINER, labels.CONTAINER_NAME: name},
            container=name,
        )
        self._container_values(entity, container)
        self.entities[entity.key] = entity

    def pod(self, pod: Block) -> None:
        """The pod as it is listed last, and its containers."""
        reference = pod.block("podRef")
        namespace, name = reference.text("namespace"), reference.text("name")
        if not namespace or not name:
            self._problems[Problem.UNNAMED_POD] += 1
            return
        entity = Entity(
            key=pod_key(namespace, name),
            type=POD,
            labels={
                **self._labels,
                labels.TYPE: POD,
                labels.NAMESPACE_NAME: namespace,
                labels.POD_NAME: name,
                labels.POD_ID: reference.text("uid"),
            },
            namespace=namespace,
            pod=name,
        )
        self.entities[entity.key] = entity
        self._start(entity, pod)
        readings.cpu(entity, pod.block("cpu"))
        readings.memory(entity, pod.block("memory"))
        network = pod.block("network")
        readings.network(entity, network)
        entity.scrape_ns = network.time_ns("time")
        readings.ephemeral_storage(entity, self._problems, pod.block("ephemeral-storage").number("usedBytes"))
        for volume in pod.blocks("volume"):
            readings.filesystem(entity, volume, f"Volume:{volume.text('name')}")
        for container in pod.blocks("containers"):
            self._pod_container(entity, container)

    def _pod_container(self, pod: Entity, container: Block) -> None:
        """Of two containers of one name, a dead one and its successor, the one that started later."""
        name = container.text("name")
        if not name:
            self._problems[Problem.UNNAMED_CONTAINER] += 1
            return
        entity = Entity(
            key=pod_container_key(pod.namespace, pod.pod, name),
            type=POD_CONTAINER,
            labels={**pod.labels, labels.TYPE: POD_CONTAINER, labels.CONTAINER_NAME: name},
            namespace=pod.namespace,
            pod=pod.pod,
            container=name,
        )
        self._container_values(entity, container)
        listed = self.entities.get(entity.key)
        if listed is None or not _before(entity.collection_start_ns, listed.collection_start_ns):
            self.entities[entity.key] = entity

    def _container_values(self, entity: Entity, container: Block) -> None:
        self._start(entity, container)
        cpu, memory = container.block("cpu"), container.block("memory")
        readings.cpu(entity, cpu)
        readings.memory(entity, memory)
        readings.accelerators(entity, container.blocks("accelerators"))
        written_bytes = readings.filesystem(entity, container.block("rootfs"), "/")
        logged_bytes = readings.filesystem(entity, container.block("logs"), "logs")
        readings.ephemeral_storage(entity, self._problems, written_bytes, logged_bytes)
        readings.custom(entity, container.blocks("userDefinedMetrics"), self._problems)
        entity.scrape_ns = _first(cpu.time_ns("time"), memory.time_ns("time"))

    def _start(self, entity: Entity, block: Block) -> None:
        entity.collection_start_ns = block.time_ns("startTime")
        readings.uptime(entity, self._scraped_at_ns)


def _first(*times_ns: int | None) -> int | None:
    return next((time_ns for time_ns in times_ns if time_ns is not None), None)


def _before(time_ns: int | None, other_ns: int | None) -> bool:
    """Whether a start time is strictly earlier; none at all is the earliest."""
    return other_ns is not None and (time_ns is None or time_ns < other_ns)
