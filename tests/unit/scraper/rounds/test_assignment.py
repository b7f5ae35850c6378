import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.rounds.assignment import assigned_nodes, murmur2, partition_of


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_equals_the_values_in_kafkas_tests(data: bytes, expected: int) -> None:
    assert murmur2(data) == expected % 2**32


@pytest.mark.parametrize(("node", "expected"), [("n1", 5), ("n2", 5), ("n3", 0), ("node-000", 2)])
def test_the_partition_is_the_hash_of_the_key_without_sign(node: str, expected: int) -> None:
    assert partition_of("default", node, 12) == expected


def test_the_cluster_name_is_part_of_the_hashed_key() -> None:
    assert len({partition_of(cluster, "n1", 1000) for cluster in ("a", "b", "c", "d")}) == 4


@given(
    nodes=st.sets(st.text(min_size=1), max_size=30),
    owners=st.lists(st.integers(0, 2), min_size=1, max_size=20),
)
def test_each_node_belongs_to_exactly_one_of_three_workers(nodes: set[str], owners: list[int]) -> None:
    assigned = [{partition for partition, owner in enumerate(owners) if owner == worker} for worker in range(3)]
    found = [assigned_nodes(nodes, "c", partitions, len(owners)) for partitions in assigned]
    assert sorted(node for each in found for node in each) == sorted(nodes)
    assert all(partition in assigned[worker] for worker in range(3) for partition in found[worker].values())
