import pytest

from simulator.pages import Pages
from simulator.status import RequestError
from simulator.store import Listing

THREE = Listing(7, (b"a", b"b", b"c"))


@pytest.mark.parametrize(
    ("limit", "pieces"),
    [
        pytest.param(0, [(b"a", b"b", b"c")], id="no limit"),
        pytest.param(1, [(b"a",), (b"b",), (b"c",)], id="one at a time"),
        pytest.param(2, [(b"a", b"b"), (b"c",)], id="the last piece is shorter"),
        pytest.param(3, [(b"a", b"b", b"c")], id="all fit"),
    ],
)
def test_the_pieces_are_the_list(limit: int, pieces: list[tuple[bytes, ...]]) -> None:
    pages = Pages()
    page = pages.first("pods", THREE, limit)
    found = [page.listing.bodies]
    while page.continued:
        assert page.remaining == 3 - sum(map(len, found))
        page = pages.next("pods", page.continued, limit)
        assert page.listing.version == 7
        found.append(page.listing.bodies)
    assert found == pieces


def test_a_piece_asked_for_too_late_is_gone() -> None:
    pages = Pages()
    continued = pages.first("pods", THREE, 1).continued
    for version in range(100, 116):
        pages.first("pods", Listing(version, THREE.bodies), 1)
    with pytest.raises(RequestError, match="too old") as refused:
        pages.next("pods", continued, 1)
    assert refused.value.code == 410


@pytest.mark.parametrize("continued", ["x", "???", "YWJj", "MTox OjI="])
def test_a_continue_that_is_none_of_ours_is_a_bad_request(continued: str) -> None:
    with pytest.raises(RequestError, match="continue key is not valid") as refused:
        Pages().next("pods", continued, 1)
    assert refused.value.code == 400
