"""The cluster as it is now: three watches, and what they hold put together."""

import logging
import threading
from typing import Any

from schemas.node_scrape import ApiPod
from scraper import telemetry
from scraper.cluster.client import ApiResource
from scraper.cluster.objects import ClusterNamespace, ClusterNode, Json, PodReader, namespace_of, node_of
from scraper.cluster.snapshot import Snapshot
from scraper.cluster.watch import Watch
from scraper.config import SourceConfig
from scraper.log_throttle import LogThrottle

log = logging.getLogger(__name__)


class ClusterWatch:
    """Follows nodes, namespaces and, unless kubelets are asked for them, pods."""

    def __init__(self, source: SourceConfig, stopped: threading.Event) -> None:
        """Not started yet."""

        def keep_node(item: Json) -> ClusterNode:
            return node_of(item, source.host_id_annotation, source.address_types)

        nodes = ApiResource(source.login, "nodes", selector=source.node_selector)
        pods, namespaces = ApiResource(source.login, "pods"), ApiResource(source.login, "namespaces")
        self._nodes: Watch[ClusterNode] = Watch(nodes, keep_node, stopped)
        self._pods: Watch[ApiPod] | None = None if source.pods_of_kubelets else Watch(pods, PodReader(), stopped)
        self._namespaces: Watch[ClusterNamespace] = Watch(namespaces, namespace_of, stopped)
        self._all: list[Watch[Any]] = [self._nodes, self._namespaces, *([self._pods] if self._pods else [])]
        self._unfit = LogThrottle(log=log, begins="node is not scraped", ends="node can be scraped again, or is gone")

    def start(self) -> None:
        """Begin to follow."""
        for watch in self._all:
            watch.start()

    @property
    def synced(self) -> bool:
        """Whether everything has been listed once: before that a round would be half blind."""
        return all(watch.synced.is_set() for watch in self._all)

    def snapshot(self) -> Snapshot:
        """The cluster now; of nodes that cannot be scraped it is said why, once."""
        found = Snapshot.of(self._nodes.items(), self._pods.items() if self._pods else (), self._namespaces.items())
        self._unfit.update(found.unfit, found.unfit.keys() | self._unfit.open)
        telemetry.skipped.set(len(found.unfit))
        return found
