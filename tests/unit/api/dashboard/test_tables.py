import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.dashboard.tables import NAMESPACE_COLUMNS, NODE_COLUMNS, POD_COLUMNS, Cell, Columns, Wanted, rows_of
from api.store.snapshot import Snapshot
from tests.stored import NEWEST_NS, NOW_NS, batch, namespace, node, pod, stored

Item = tuple[str, int | None]
COLUMNS: Columns[Item] = {"name": lambda item: item[0], "cpu": lambda item: item[1]}
ITEMS: list[Item] = [("a1", 3), ("a2", None), ("B1", 1), ("b2", 2), ("b3", 2)]


def names(wanted: Wanted) -> tuple[int, list[Cell]]:
    found = rows_of(ITEMS, COLUMNS, wanted, text=lambda item: item[0])
    return found.total, [row["name"] for row in found.rows]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(Wanted(), (5, ["B1", "a1", "a2", "b2", "b3"]), id="by name"),
        pytest.param(Wanted(sort="cpu"), (5, ["B1", "b2", "b3", "a1", "a2"]), id="least first, unknown last"),
        pytest.param(Wanted(sort="cpu", descending=True), (5, ["a1", "b2", "b3", "B1", "a2"]), id="unknown last again"),
        pytest.param(Wanted(text="b"), (3, ["B1", "b2", "b3"]), id="filtered whatever the case"),
        pytest.param(Wanted(text="zz"), (0, []), id="nothing matches"),
        pytest.param(Wanted(offset=1, limit=2), (5, ["a1", "a2"]), id="a page"),
        pytest.param(Wanted(offset=9), (5, []), id="past the end"),
        pytest.param(Wanted(sort="cpu", offset=3, limit=2), (5, ["a1", "a2"]), id="a page over the unknown"),
    ],
)
def test_rows(wanted: Wanted, expected: tuple[int, list[Cell]]) -> None:
    assert names(wanted) == expected


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"^sort=disk: not one of name, cpu$"):
        names(Wanted(sort="disk"))


@given(st.integers(1, 7), st.sampled_from(["asc", "desc"]), st.sampled_from(["name", "cpu"]))
def test_pages_hold_every_row_once(limit: int, order: str, sort: str) -> None:
    asked = [Wanted(sort=sort, descending=order == "desc", offset=at, limit=limit) for at in range(0, 5, limit)]
    pages = [names(wanted)[1] for wanted in asked]
    assert sorted(str(name) for page in pages for name in page) == sorted(item[0] for item in ITEMS)


def test_a_row_of_each_table() -> None:
    store = stored(
        batch(
            node("n1", cpu_usage_rate=500, cpu_request=200, cpu_node_utilization=0.5, memory_usage=7),
            pod("n1", "shop", "web", cpu_usage_rate=40, memory_working_set=9, network_rx_rate=1.5, cpu_request=0),
        ),
        batch(namespace("shop", cpu_usage_rate=40, memory_usage=10)),
    )
    snapshot = Snapshot(store, NOW_NS)
    (one,) = rows_of(snapshot.nodes, NODE_COLUMNS, Wanted(), text=lambda each: each.key).rows
    (shop,) = rows_of(snapshot.namespaces, NAMESPACE_COLUMNS, Wanted(), text=lambda each: each.reading.key).rows
    (web,) = rows_of(snapshot.pods, POD_COLUMNS, Wanted(), text=lambda each: each.key).rows
    assert {name: cell for name, cell in one.items() if cell is not None} == {
        "name": "n1",
        "cpu": 500,
        "cpu_utilization": 0.5,
        "cpu_request": 200,
        "memory": 7,
        "pods": 1,
        "newest_ms": NEWEST_NS // 1_000_000,
        "missing": 0,
    }
    assert {name: cell for name, cell in shop.items() if cell is not None} == {
        "name": "shop",
        "pods": 1,
        "cpu": 40,
        "memory": 10,
    }
    assert {name: cell for name, cell in web.items() if cell is not None} == {
        "name": "web",
        "key": "namespace:shop/pod:web",
        "namespace": "shop",
        "node": "n1",
        "cpu": 40,
        "cpu_request": 0,
        "memory": 9,
        "rx_rate": 1.5,
    }
