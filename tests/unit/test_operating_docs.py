"""docs/own-metrics.md names every metric of the services about themselves, with the HELP text of the code."""

import re

import pytest

from tests.own_metrics import DOCUMENT, SERVICES, rows

TEXT = DOCUMENT.read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_every_metric_is_in_the_table(service: str) -> None:
    missing = [row for row in rows(service).values() if row not in TEXT]
    assert not missing, "run python -m tests.own_metrics; docs/own-metrics.md lacks:\n" + "\n".join(missing)


def test_the_table_has_no_other_metrics() -> None:
    documented = {line.split("`")[1] for line in TEXT.splitlines() if line.startswith(("| `heapster_", "| `http_"))}
    assert documented == {name for service in SERVICES for name in rows(service)}


@pytest.mark.parametrize("service", SERVICES[:4])  # the api keeps names that Heapster had
def test_names_begin_with_the_service_and_have_base_units(service: str) -> None:
    for name in rows(service):
        assert name.startswith(f"heapster_{service}_")
        assert not name.removesuffix("_total").endswith(("_ms", "_ns", "_kb", "_kbytes"))


def test_alerts_use_metrics_that_exist() -> None:
    text = (DOCUMENT.parent / "alerts.md").read_text()
    used = {name.removesuffix("_bucket") for name in re.findall(r"\bheapster_\w+", text)}
    assert len(used) > 8
    assert used <= {name for service in SERVICES for name in rows(service)}
