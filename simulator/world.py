"""What the servers serve: any world with API objects that change and a statistics document of each node."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Protocol

import orjson

from simulator.objects import KubernetesObject, Resource, key
from simulator.store import KEPT_CHANGES, Store


class World(Protocol):
    """Objects and documents; time is handed in, so that one and the same moment can be asked for twice."""

    @property
    def api(self) -> Store:
        """The objects of the Kubernetes API."""

    def advance(self, now_ns: int) -> None:
        """Let the API objects become what they are at `now_ns`."""

    def summary(self, node: str, now_ns: int) -> bytes | None:
        """What the kubelet of a node answers to `/stats/summary`; None if there is nothing to answer."""

    def cadvisor(self, node: str, now_ns: int) -> bytes | None:
        """The same to `/metrics/cadvisor`."""


class FixedWorld:
    """A world that stays as it was last given: recorded objects and documents, shown step by step.

    Objects are served as they are, odd ones included; the changes from one step to the next go out as watch events.
    """

    def __init__(self, *, kept_changes: int = KEPT_CHANGES) -> None:
        """An empty one."""
        self._api = Store(kept_changes=kept_changes)
        self._summaries: dict[str, bytes] = {}
        self._cadvisor: dict[str, bytes] = {}

    @property
    def api(self) -> Store:
        """The objects of the Kubernetes API; `put` and `delete` single ones there."""
        return self._api

    def advance(self, now_ns: int) -> None:
        """Nothing: time does not change it."""

    def summary(self, node: str, now_ns: int) -> bytes | None:  # noqa: ARG002 - time does not change it
        """The document that was given last for this node."""
        return self._summaries.get(node)

    def cadvisor(self, node: str, now_ns: int) -> bytes | None:  # noqa: ARG002 - time does not change it
        """The metrics that were given last for this node."""
        return self._cadvisor.get(node)

    def show(
        self,
        *,
        nodes: Iterable[KubernetesObject] | None = None,
        pods: Iterable[KubernetesObject] | None = None,
        namespaces: Iterable[KubernetesObject] | None = None,
        summaries: Mapping[str, bytes | KubernetesObject] | None = None,
        cadvisor: Mapping[str, bytes] | None = None,
    ) -> None:
        """Let these be all objects of their resource and all documents (by node name); None: as they are."""
        given: tuple[tuple[Resource, Iterable[KubernetesObject] | None], ...] = (
            ("namespaces", namespaces),
            ("nodes", nodes),
            ("pods", pods),
        )
        for resource, items in given:
            if items is not None:
                self._api.replace(resource, items)
        if summaries is not None:
            self._summaries = {node: _document(body) for node, body in summaries.items()}
        if cadvisor is not None:
            self._cadvisor = dict(cadvisor)


def internal_addresses(nodes: Iterable[KubernetesObject]) -> dict[str, str]:
    """The InternalIP of each node that has one, by node name: the last one that is an IP address."""
    return {key(node): address for node in nodes for address in _internal_ips(node)}


def _internal_ips(node: KubernetesObject) -> Iterable[str]:
    status = node.get("status")
    addresses = status.get("addresses") if isinstance(status, Mapping) else None
    for entry in addresses or ():
        if entry.get("type") == "InternalIP" and _is_ip(entry.get("address", "")):
            yield entry["address"]


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _document(body: bytes | KubernetesObject) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)
