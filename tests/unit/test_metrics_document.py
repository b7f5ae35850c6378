from tests.metrics_table import DOCUMENT, current


def test_the_documented_metrics_equal_the_catalogue() -> None:
    assert DOCUMENT.read_text() == current(DOCUMENT.read_text()), "run python -m tests.metrics_table"
