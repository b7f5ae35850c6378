import pytest

from schemas.catalogue import BY_NAME, GROUP_METRICS, METRICS, RATED_COUNTERS


def test_numbers_are_unique_and_without_gaps() -> None:
    assert [metric.number for metric in METRICS] == list(range(1, len(METRICS) + 1))
    assert len(BY_NAME) == len(METRICS)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "cpu/usage"),
        (10, "memory/usage"),
        (24, "network/rx"),
        (32, "filesystem/usage"),
        (52, "restart_count"),
        (53, "memory/swap_usage"),
        (91, "pressure/io_full_avg300"),
        (92, "scrape/up"),
    ],
)
def test_published_numbers_do_not_change(number: int, name: str) -> None:
    assert BY_NAME[name].number == number


def test_nine_counters_have_rates_and_each_rate_is_a_gauge_of_the_catalogue() -> None:
    assert len(RATED_COUNTERS) == 9
    for counter, rate in RATED_COUNTERS.items():
        assert BY_NAME[counter].kind == "cumulative"
        assert BY_NAME[rate].kind == "gauge"
        assert BY_NAME[rate].value == ("int" if rate == "cpu/usage_rate" else "float")
        assert BY_NAME[counter].entities <= BY_NAME[rate].entities


def test_six_metrics_are_summed_over_groups_and_all_are_whole_numbers() -> None:
    assert set(GROUP_METRICS) == {
        "cpu/usage_rate",
        "memory/usage",
        "cpu/request",
        "cpu/limit",
        "memory/request",
        "memory/limit",
    }
    assert all(BY_NAME[name].value == "int" for name in GROUP_METRICS)


@pytest.mark.parametrize("name", ["cpu/load", "memory/cache", "disk/io_read_bytes", "disk/io_write_bytes_rate"])
def test_metrics_that_the_summary_api_does_not_provide_are_marked(name: str) -> None:
    assert not BY_NAME[name].summary


def test_containers_have_no_network_metrics() -> None:
    for metric in METRICS:
        if metric.name.startswith("network/"):
            assert metric.entities == {"node", "pod"}


def test_metrics_that_heapster_did_not_have_are_marked_as_extended() -> None:
    assert [metric.number for metric in METRICS if not metric.extended] == list(range(1, 53))
