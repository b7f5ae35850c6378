from tests.metrics_table import DOCUMENT, current


def test_the_documented_metrics_are_those_of_the_catalogue() -> None:
    assert DOCUMENT.read_text() == current(DOCUMENT.read_text()), "python -m tests.metrics_table writes it anew"
