from collections import Counter
from collections.abc import Mapping

import pytest

from processor.core.entity import Entity
from processor.core.labels import LabelRules
from processor.core.problems import Problem, Problems
from processor.core.utilization import enrich_node
from schemas.catalogue import NODE, Number
from tests.scrapes import summary_scrape

CAPACITY = {"cpu": "4", "memory": "8010948Ki"}
ALLOCATABLE = {"cpu": "3920m", "memory": "7908548Ki"}
VALUES = {"cpu/usage_rate": 1600, "cpu/request": 800, "memory/usage": 3_000_000_000, "memory/request": 469_762_048}


def added(
    values: Mapping[str, Number],
    capacity: Mapping[str, str],
    allocatable: Mapping[str, str],
    problems: Problems | None = None,
) -> dict[str, Number]:
    node = Entity(key="node:n1", type=NODE, labels={}, values=dict(values))
    scrape = summary_scrape({}, capacity=capacity, allocatable=allocatable)
    enrich_node(node, scrape, LabelRules(), Counter() if problems is None else problems)
    return {name: value for name, value in node.values.items() if name not in values}


def test_capacity_utilization_and_reservation() -> None:
    found = added(VALUES, CAPACITY, ALLOCATABLE)
    assert found == {
        "cpu/node_capacity": 4000.0,
        "cpu/node_allocatable": 3920.0,
        "cpu/node_utilization": 0.40816326530612246,
        "cpu/node_reservation": 0.20408163265306123,
        "memory/node_capacity": 8203210752.0,
        "memory/node_allocatable": 8098353152.0,
        "memory/node_utilization": 0.3704456873752299,
        "memory/node_reservation": 0.05800710825805192,
    }
    assert all(isinstance(value, float) for value in found.values())


def test_without_usage_and_requests_utilization_and_reservation_are_zero() -> None:
    found = added({}, CAPACITY, ALLOCATABLE)
    ratios = ("cpu/node_utilization", "cpu/node_reservation", "memory/node_utilization", "memory/node_reservation")
    assert {name: found[name] for name in ratios} == dict.fromkeys(ratios, 0.0)
    assert all(isinstance(value, float) for value in found.values())


@pytest.mark.parametrize("allocatable", [{}, {"cpu": "0", "memory": "0"}], ids=["not listed", "zero"])
def test_there_is_no_utilization_if_the_allocatable_amount_is_zero(allocatable: dict[str, str]) -> None:
    assert added(VALUES, CAPACITY, allocatable) == {
        "cpu/node_capacity": 4000.0,
        "cpu/node_allocatable": 0.0,
        "memory/node_capacity": 8203210752.0,
        "memory/node_allocatable": 0.0,
    }


def test_ephemeral_storage_has_metrics_if_both_amounts_are_listed() -> None:
    storage = {"ephemeral-storage": "1000"}
    found = added(
        {"ephemeral_storage/usage": 250, "ephemeral_storage/request": 500},
        {**CAPACITY, "ephemeral-storage": "2000"},
        {**ALLOCATABLE, **storage},
    )
    assert {name: value for name, value in found.items() if name.startswith("ephemeral")} == {
        "ephemeral_storage/node_capacity": 2000.0,
        "ephemeral_storage/node_allocatable": 1000.0,
        "ephemeral_storage/node_utilization": 0.25,
        "ephemeral_storage/node_reservation": 0.5,
    }
    for capacity, allocatable in [({**CAPACITY, **storage}, ALLOCATABLE), (CAPACITY, {**ALLOCATABLE, **storage})]:
        assert not any(name.startswith("ephemeral") for name in added(VALUES, capacity, allocatable))


def test_an_unreadable_amount_is_absent_and_so_are_its_ratios() -> None:
    problems: Problems = Counter()
    found = added(VALUES, CAPACITY, {**ALLOCATABLE, "cpu": "many"}, problems)
    assert [name for name in found if name.startswith("cpu")] == ["cpu/node_capacity"]
    assert problems == {Problem.UNREADABLE_QUANTITY: 1}


def test_the_nodes_labels_are_copied_by_the_rules() -> None:
    node = Entity(key="node:n1", type=NODE, labels={"type": "node"})
    scrape = summary_scrape({}, labels={"zone": "a", "disk": "ssd"})
    enrich_node(node, scrape, LabelRules(store={"zone": "zone"}, ignore=frozenset({"zone"})), Counter())
    assert node.labels == {"type": "node", "zone": "a", "labels": "disk:ssd"}
