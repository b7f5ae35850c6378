import orjson
import pytest

from simulator.faults import shifted


@pytest.mark.parametrize(
    ("document", "moved"),
    [
        pytest.param({"time": "2024-01-01T00:00:05Z"}, {"time": "2023-12-31T23:58:35Z"}, id="a sample time"),
        pytest.param(
            {"pods": [{"startTime": "2024-01-01T02:00:00+02:00"}]},
            {"pods": [{"startTime": "2023-12-31T23:58:30Z"}]},
            id="a start time, deep inside, with an offset",
        ),
        pytest.param({"time": None, "name": "time"}, {"time": None, "name": "time"}, id="nothing else"),
    ],
)
def test_a_clock_that_is_behind_moves_all_times_of_a_document(document: object, moved: object) -> None:
    assert orjson.loads(shifted(orjson.dumps(document), -90)) == moved
