"""From an answer, or the lack of one, to the record: the node as its kubelet and the Kubernetes API showed it."""

from dataclasses import dataclass

from schemas.node_scrape import ApiPod, NodeScrape
from scraper.cluster.objects import ClusterNode
from scraper.cluster.pod_index import PodName
from scraper.cluster.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of asking one kubelet: a document or an error."""

    finished_at_ns: int
    duration_ns: int
    document: bytes | None = None
    error: str | None = None
    pods: frozenset[PodName] = frozenset()  # that the document lists
    clock_offset_ns: int | None = None
    api_pods: tuple[ApiPod, ...] | None = None  # those of the node as its kubelet knows them, if it was asked
    cadvisor: bytes | None = None  # the lines of its metrics that are used
    cadvisor_error: str | None = None  # None also where it was not asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What the scrapes of one window have in common."""

    cluster: str
    resolution_ns: int
    window_end_ns: int
    snapshot: Snapshot

    def record(self, node: ClusterNode, outcome: Outcome) -> NodeScrape:
        """The record of one node."""
        seen = self.snapshot if outcome.api_pods is None else self.snapshot.seeing(outcome.api_pods)
        return NodeScrape(
            cluster=self.cluster,
            node=node.name,
            window_end_ns=self.window_end_ns,
            resolution_ns=self.resolution_ns,
            scraped_at_ns=outcome.finished_at_ns,
            duration_ns=outcome.duration_ns,
            clock_offset_ns=outcome.clock_offset_ns,
            document=outcome.document,
            error=outcome.error,
            cadvisor=outcome.cadvisor,
            cadvisor_error=outcome.cadvisor_error,
            cluster_nodes=len(self.snapshot.nodes),
            hostname=node.hostname,
            host_id=node.host_id,
            address=node.address or "",
            uid=node.uid,
            unschedulable=node.unschedulable,
            labels=node.labels,
            capacity=node.capacity,
            allocatable=node.allocatable,
            pods=seen.pods_for(node.name, outcome.pods),
            namespaces=seen.namespaces_for(node.name, outcome.pods),
            workloads=seen.workloads_for(node.name, outcome.pods),
        )
