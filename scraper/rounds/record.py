"""The record of one scrape, built from the kubelet's response and the snapshot of the Kubernetes API."""

from dataclasses import dataclass

from schemas.node_scrape import ApiPod, NodeScrape
from scraper.cluster.objects import ClusterNode
from scraper.cluster.pod_index import PodName
from scraper.cluster.snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of scraping one kubelet: a document or an error."""

    finished_at_ns: int
    duration_ns: int
    document: bytes | None = None
    error: str | None = None
    pods: frozenset[PodName] = frozenset()  # listed in the document
    clock_offset_ns: int | None = None
    api_pods: tuple[ApiPod, ...] | None = None  # response of the kubelet's /pods; None if not requested
    cadvisor: bytes | None = None  # the used lines of /metrics/cadvisor
    cadvisor_error: str | None = None  # None also if cAdvisor metrics are not requested


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One scrape round: the window and the cluster snapshot that all its records share."""

    cluster: str
    resolution_ns: int
    window_end_ns: int
    snapshot: Snapshot

    def record(self, node: ClusterNode, outcome: Outcome) -> NodeScrape:
        """The record of one node."""
        snapshot = self.snapshot if outcome.api_pods is None else self.snapshot.with_pods(outcome.api_pods)
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
            pods=snapshot.pods_for(node.name, outcome.pods),
            namespaces=snapshot.namespaces_for(node.name, outcome.pods),
            workloads=snapshot.workloads_for(node.name, outcome.pods),
        )
