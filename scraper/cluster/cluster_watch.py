"""The current state of the cluster: watches on nodes, namespaces and pods, combined into a snapshot."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from schemas.node_scrape import ApiPod
from scraper import telemetry
from scraper.cluster.client import ApiResource
from scraper.cluster.login import Login
from scraper.cluster.objects import ClusterNamespace, ClusterNode, Json, PodReader, namespace_of
from scraper.cluster.snapshot import Snapshot
from scraper.cluster.watch import Watch
from scraper.log_throttle import LogThrottle

log = logging.getLogger(__name__)


class ClusterWatch:
    """Watches nodes, namespaces and, unless the kubelets list them, pods."""

    def __init__(
        self,
        login: Login,
        read_node: Callable[[Json], ClusterNode],
        stopped: threading.Event,
        node_selector: str = "",
        *,
        pods: bool = True,
    ) -> None:
        """`node_selector` is a label selector, empty for all nodes; `start` starts the watches."""
        self._nodes = Watch(ApiResource(login, "nodes", selector=node_selector), read_node, stopped)
        self._pods: Watch[ApiPod] | None = Watch(ApiResource(login, "pods"), PodReader(), stopped) if pods else None
        self._namespaces: Watch[ClusterNamespace] = Watch(ApiResource(login, "namespaces"), namespace_of, stopped)
        self._all: list[Watch[Any]] = [self._nodes, self._namespaces, *([self._pods] if self._pods else [])]
        self._skipped = LogThrottle(log=log, begins="node is not scraped", ends="node can be scraped again, or is gone")

    def start(self) -> None:
        """Start all watches."""
        for watch in self._all:
            watch.start()

    @property
    def synced(self) -> bool:
        """Whether every resource has been listed once; before that a snapshot is incomplete."""
        return all(watch.synced.is_set() for watch in self._all)

    def snapshot(self) -> Snapshot:
        """The cluster now. Logs changes of the nodes that cannot be scraped, with the reason."""
        found = Snapshot.of(self._nodes.items(), self._pods.items() if self._pods else (), self._namespaces.items())
        self._skipped.update(found.skipped, found.skipped.keys() | self._skipped.active)
        telemetry.nodes_skipped.set(len(found.skipped))
        return found
