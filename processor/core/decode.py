"""Decode: the kubelet's Summary to entities with the values that it reports (docs/processing.md, 4).

The node's name, hostname and host id come from the Kubernetes API, not from the document. If the names differ, the
API's is the one that pods and capacities refer to.
"""

from typing import Final

from processor.core import labels, summary_fields
from processor.core.entity import Entities, Entity
from processor.core.extended import NODE_PROCESSES, POD_PROCESSES, add_interfaces, add_swap_and_pressure
from processor.core.json_block import Block, parse_document
from processor.core.problems import Problem, Problems
from schemas.catalogue import NODE, POD, POD_CONTAINER, SYS_CONTAINER
from schemas.keys import node_key, pod_container_key, pod_key, sys_container_key
from schemas.node_scrape import NodeScrape

SYS_CONTAINER_NAMES: Final = {"runtime": "docker-daemon", "misc": "system"}
"""The kubelet's name of a system container -> Heapster's; all others keep the kubelet's name."""


def decode(scrape: NodeScrape, problems: Problems, *, extended: bool = False) -> Entities:
    """The node, its system containers, its pods and their containers; `extended` adds metrics that Heapster lacks.

    Raises:
        UndecodableError: the document is not a JSON object.
        ValueError: the scrape failed and has no document.
    """
    if scrape.document is None:
        raise ValueError(f"node {scrape.node!r}: a failed scrape has no document: {scrape.error}")
    document = Block(parse_document(scrape.document, problems), problems)
    decoder = _Decoder(scrape, problems, extended=extended)
    decoder.node(document.block("node"))
    for pod in document.blocks("pods"):
        decoder.pod(pod)
    return decoder.entities


class _Decoder:
    def __init__(self, scrape: NodeScrape, problems: Problems, *, extended: bool) -> None:
        self.entities: Entities = {}
        self._node = scrape.node
        self._scraped_at_ns = scrape.scraped_at_ns
        self._problems = problems
        self._extended = extended
        self._node_labels = {
            labels.NODENAME: scrape.node,
            labels.HOSTNAME: scrape.hostname or scrape.node,
            labels.HOST_ID: scrape.host_id,
        }

    def node(self, node: Block) -> None:
        if node.text("nodeName") not in {"", self._node}:
            self._problems[Problem.NODE_NAME_MISMATCH] += 1
        entity = Entity(key=node_key(self._node), type=NODE, labels={**self._node_labels, labels.TYPE: NODE})
        self.entities[entity.key] = entity
        self._start(entity, node)
        cpu, memory, network = node.block("cpu"), node.block("memory"), node.block("network")
        summary_fields.cpu(entity, cpu)
        summary_fields.memory(entity, memory)
        summary_fields.network(entity, network)
        used_bytes = summary_fields.filesystem(entity, node.block("fs"), "/")
        summary_fields.ephemeral_storage(entity, self._problems, used_bytes)
        entity.scrape_ns = _first(cpu.time_ns("time"), memory.time_ns("time"), network.time_ns("time"))
        if self._extended:
            add_swap_and_pressure(entity, node, cpu, memory)
            entity.values.update(node.block("rlimit").numbers(NODE_PROCESSES))
            add_interfaces(entity, network, self._problems)
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
            labels={**self._node_labels, labels.TYPE: SYS_CONTAINER, labels.CONTAINER_NAME: name},
            container=name,
        )
        self._container_values(entity, container)
        self.entities[entity.key] = entity

    def pod(self, pod: Block) -> None:
        """Decode a pod and its containers; if a pod is listed twice, the later entry replaces the earlier one."""
        reference = pod.block("podRef")
        namespace, name = reference.text("namespace"), reference.text("name")
        if not namespace or not name:
            self._problems[Problem.UNNAMED_POD] += 1
            return
        entity = Entity(
            key=pod_key(namespace, name),
            type=POD,
            labels={
                **self._node_labels,
                labels.TYPE: POD,
                labels.NAMESPACE_NAME: namespace,
                labels.POD_NAME: name,
                labels.POD_ID: reference.text("uid"),
            },
            namespace=namespace,
            pod=name,
        )
        self.entities[entity.key] = entity
        self._pod_values(entity, pod)
        for container in pod.blocks("containers"):
            self._pod_container(entity, container)

    def _pod_values(self, entity: Entity, pod: Block) -> None:
        self._start(entity, pod)
        cpu, memory, network = pod.block("cpu"), pod.block("memory"), pod.block("network")
        summary_fields.cpu(entity, cpu)
        summary_fields.memory(entity, memory)
        summary_fields.network(entity, network)
        entity.scrape_ns = network.time_ns("time")
        used_bytes = pod.block("ephemeral-storage").number("usedBytes")
        summary_fields.ephemeral_storage(entity, self._problems, used_bytes)
        for volume in pod.blocks("volume"):
            claim = volume.block("pvcRef").text("name") if self._extended else ""
            summary_fields.filesystem(entity, volume, f"Volume:{volume.text('name')}", claim)
        if self._extended:
            add_swap_and_pressure(entity, pod, cpu, memory)
            entity.values.update(pod.block("process_stats").numbers(POD_PROCESSES))
            add_interfaces(entity, network, self._problems)

    def _pod_container(self, pod: Entity, container: Block) -> None:
        """Decode a container; of two with one name, a dead one and its successor, keep the one that started later."""
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
        summary_fields.cpu(entity, cpu)
        summary_fields.memory(entity, memory)
        summary_fields.accelerators(entity, container.blocks("accelerators"))
        rootfs_bytes = summary_fields.filesystem(entity, container.block("rootfs"), "/")
        logs_bytes = summary_fields.filesystem(entity, container.block("logs"), "logs")
        summary_fields.ephemeral_storage(entity, self._problems, rootfs_bytes, logs_bytes)
        summary_fields.custom(entity, container.blocks("userDefinedMetrics"), self._problems)
        entity.scrape_ns = _first(cpu.time_ns("time"), memory.time_ns("time"))
        if self._extended:
            add_swap_and_pressure(entity, container, cpu, memory)

    def _start(self, entity: Entity, block: Block) -> None:
        entity.collection_start_ns = block.time_ns("startTime")
        summary_fields.uptime(entity, self._scraped_at_ns)


def _first(*times_ns: int | None) -> int | None:
    return next((time_ns for time_ns in times_ns if time_ns is not None), None)


def _before(time_ns: int | None, other_ns: int | None) -> bool:
    """Whether a start time is strictly earlier; a missing one counts as the earliest."""
    return other_ns is not None and (time_ns is None or time_ns < other_ns)
