"""Layout: numbers of one metric of like groups lie side by side, and every number has a place of its own."""

from hypothesis import given
from hypothesis import strategies as st

from api.store.layout import Kind, Layout

POD: Kind = (("cpu/usage", "memory/usage"), "qq")
VOLUME: Kind = (("filesystem/usage",), "q")
NOTHING: Kind = ((), "")


def test_all_pods_cpu_comes_first_then_all_their_memory() -> None:
    layout = Layout([POD, VOLUME, POD, POD])
    assert layout.laid_out([("c1", "m1"), ("v1",), ("c2", "m2"), ("c3", "m3")], "") == [
        *("c1", "c2", "c3"),
        *("m1", "m2", "m3"),
        "v1",
    ]
    assert list(layout.places(2, 2)) == [1, 4]


def test_the_same_metrics_of_another_type_are_apart() -> None:
    floats: Kind = (POD[0], "qd")
    assert Layout([POD, floats]).laid_out([(1, 2), (3, 4.0)], 0) == [1, 2, 3, 4.0]


@given(st.lists(st.sampled_from([POD, VOLUME, NOTHING, (("a", "b", "c"), "qdq")])))
def test_every_number_has_its_place(kinds: list[Kind]) -> None:
    layout = Layout(kinds)
    groups = [tuple((number, at) for at in range(len(kind[0]))) for number, kind in enumerate(kinds)]
    laid_out = layout.laid_out(groups, (-1, -1))
    assert sorted(laid_out) == sorted(each for group in groups for each in group)
    for number, group in enumerate(groups):
        assert [laid_out[place] for place in layout.places(number, len(group))] == list(group)
