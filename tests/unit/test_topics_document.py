from runtime import dead_letter
from schemas.topics import topics
from tests.topic_tables import DOCUMENT, METRIC_NAMES, current, metric_names
from writer.pipeline.dead_letters import REFUSED_COUNT, REFUSED_LINES


def test_the_documented_records_equal_the_schemas() -> None:
    assert DOCUMENT.read_text() == current(DOCUMENT.read_text()), "run python -m tests.topic_tables"


def test_the_published_metric_names_equal_the_catalogue() -> None:
    assert METRIC_NAMES.read_text() == metric_names(), "run python -m tests.topic_tables"


def test_every_topic_and_every_header_of_a_dead_letter_is_documented() -> None:
    text = DOCUMENT.read_text()
    headers = {value for name, value in vars(dead_letter).items() if name.isupper() and isinstance(value, str)}
    for name in {topic.name for topic in topics().all} | headers | {REFUSED_COUNT, REFUSED_LINES}:
        assert f"`{name}`" in text, name


def test_the_documented_retention_equals_that_of_the_topics() -> None:
    days = {topic.name: topic.retention_ms // 86_400_000 for topic in topics().all}
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.endswith("| public |")]
    documented = {name: row for row in rows for name in days if f"`{name}`" in row.split("|")[1]}
    assert len(documented) == 4
    for name, row in documented.items():
        assert f"| {days[name]} days |" in row, name
