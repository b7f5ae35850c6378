"""docs/delivery.md: the tests that it names for each promise exist; the files of the state tables exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NAMED_TESTS = sorted(set(re.findall(r"`(test_\w+)`", (DOCS / "delivery.md").read_text())))


def test_every_named_test_exists() -> None:
    sources = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    existing = {name for text in sources for name in re.findall(r"^def (test_\w+)\(", text, re.MULTILINE)}
    assert len(NAMED_TESTS) > 20
    assert [name for name in NAMED_TESTS if name not in existing] == []


def test_every_promise_names_a_test() -> None:
    promised = (DOCS / "delivery.md").read_text().partition("## Promised")[2].partition("## How")[0]
    rows = [line for line in promised.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    assert [row for row in rows if "`test_" not in row and not row.endswith("| the same |")] == []


def test_every_file_of_the_state_tables_exists() -> None:
    files = re.findall(r"^\| `([\w/]+\.py)` \|", (DOCS / "delivery-states.md").read_text(), re.MULTILINE)
    assert len(files) > 5
    assert [path for path in files if not (ROOT / path).exists()] == []
