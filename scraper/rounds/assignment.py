"""Assignment of nodes to workers: a worker scrapes the nodes whose key hashes to one of its partitions."""

from collections.abc import Collection, Iterable
from typing import Final

from schemas.node_scrape import node_key

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The unsigned 32-bit hash with which Kafka's Java client chooses partitions."""
    hashed = _SEED ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        word = (word ^ word >> 24) * _M & _MASK
        hashed = hashed * _M & _MASK ^ word
    if len(data) > whole:
        hashed = (hashed ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    hashed = (hashed ^ hashed >> 13) * _M & _MASK
    return hashed ^ hashed >> 15


def partition_of(cluster: str, node: str, partitions: int) -> int:
    """The partition of `kubelet-stats` for the scrapes of a node."""
    return (murmur2(node_key(cluster, node).encode()) & 0x7FFFFFFF) % partitions


def assigned_nodes(nodes: Iterable[str], cluster: str, assigned: Collection[int], partitions: int) -> dict[str, int]:
    """The nodes that belong to the assigned partitions, each with its partition."""
    found = {node: partition_of(cluster, node, partitions) for node in nodes}
    return {node: partition for node, partition in found.items() if partition in assigned}
