"""The resource metrics API: documents as `kubectl top` and autoscalers read them, indented as Heapster did."""

from collections.abc import Iterable, Iterator
from typing import Final

import orjson

from api.http.pieces import enclosed
from api.metrics_v1beta1.quantities import byte_count, cores
from api.metrics_v1beta1.usage import NodeUsage, PodUsage, Usage
from api.store.times import NS_PER_S, time_text

_WINDOW: Final = "1m0s"  # whatever the resolution is


class Documents:
    """Documents of one version of the API, made at one moment."""

    def __init__(self, version: str, now_ns: int) -> None:
        """The version as `metrics.k8s.io/v1beta1`."""
        self._version = version
        self._now = time_text(now_ns // NS_PER_S * NS_PER_S)

    def node(self, node: NodeUsage) -> str:
        """One node."""
        return _whole(self._kind("NodeMetrics") + self._node(node))

    def nodes(self, nodes: Iterable[NodeUsage | None]) -> Iterator[str]:
        """A list, in pieces; None is one that is left out."""
        return self._list("NodeMetricsList", (None if node is None else self._node(node) for node in nodes))

    def pod(self, pod: PodUsage) -> str:
        """One pod."""
        return _whole(self._kind("PodMetrics") + self._pod(pod))

    def pods(self, pods: Iterable[PodUsage | None]) -> Iterator[str]:
        """A list, in pieces; None is one that is left out."""
        return self._list("PodMetricsList", (None if pod is None else self._pod(pod) for pod in pods))

    def _kind(self, kind: str) -> str:
        return f' "kind": "{kind}",\n "apiVersion": "{self._version}",\n'

    def _list(self, kind: str, items: Iterable[str | None]) -> Iterator[str]:
        empty = _whole(f'{self._kind(kind)} "metadata": {{}},\n "items": []')
        begin, end = empty.removesuffix("]\n }") + "\n   ", "\n  ]\n }"
        listed = (None if item is None else f"{{\n{item}\n}}".replace("\n", "\n   ") for item in items)
        return enclosed(listed, begin=begin, comma=",\n   ", end=end, empty=empty)

    def _node(self, node: NodeUsage) -> str:
        return (
            f' "metadata": {{\n  "name": {_quoted(node.usage.name)},\n  "creationTimestamp": "{self._now}"\n }},\n'
            f'{_times(node.window_end_ns)},\n "usage": {_amounts(node.usage, 1)}'
        )

    def _pod(self, pod: PodUsage) -> str:
        containers = ",\n".join(
            f'  {{\n   "name": {_quoted(container.name)},\n   "usage": {_amounts(container, 3)}\n  }}'
            for container in pod.containers
        )
        return (
            f' "metadata": {{\n  "name": {_quoted(pod.name)},\n  "namespace": {_quoted(pod.namespace)},\n'
            f'  "creationTimestamp": "{self._now}"\n }},\n'
            f'{_times(pod.window_end_ns)},\n "containers": [\n{containers}\n ]'
        )


def _times(window_end_ns: int) -> str:
    return f' "timestamp": "{time_text(window_end_ns)}",\n "window": "{_WINDOW}"'


def _amounts(usage: Usage, depth: int) -> str:
    inner, outer = " " * (depth + 1), " " * depth
    cpu, memory = cores(usage.cpu_millicores), byte_count(usage.memory_bytes)
    return f'{{\n{inner}"cpu": "{cpu}",\n{inner}"memory": "{memory}"\n{outer}}}'


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def _whole(fields: str) -> str:
    """Every line but the first begins with one more space."""
    return "{" + ("\n" + fields + "\n}").replace("\n", "\n ")
