from typing import Any

import pytest

from runtime.errors import UnavailableError
from runtime.influxdb import Version1
from writer.sinks.influxdb_setup import prepare_database, quote_identifier, rows_of, shard_ns

HOUR_NS = 3600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS
K8S = Version1(database="k8s", user="", password="")
AUTOGEN = {"name": "autogen", "duration": "0s", "default": True}


def statements(*policies: dict[str, Any], retention_ns: int | None, target: Version1 = K8S) -> list[str]:
    """Statements sent to a server with these policies, without the two that are always sent."""
    sent: list[str] = []

    def query(statement: str) -> list[dict[str, Any]]:
        sent.append(statement)
        return list(policies) if statement.startswith("SHOW") else []

    prepare_database(target, retention_ns, query)
    name = quote_identifier(target.database)
    assert sent[:2] == [f"CREATE DATABASE {name}", f"SHOW RETENTION POLICIES ON {name}"]
    return sent[2:]


@pytest.mark.parametrize(
    ("retention_ns", "expected"),
    [
        (None, "DURATION INF REPLICATION 1 SHARD DURATION 604800000000000ns DEFAULT"),
        (0, "DURATION INF REPLICATION 1 SHARD DURATION 604800000000000ns DEFAULT"),
        (4 * HOUR_NS, "DURATION 14400000000000ns REPLICATION 1 SHARD DURATION 3600000000000ns DEFAULT"),
        (7 * DAY_NS, "DURATION 604800000000000ns REPLICATION 1 SHARD DURATION 86400000000000ns DEFAULT"),
    ],
)
def test_a_missing_policy_is_created(retention_ns: int | None, expected: str) -> None:
    assert statements(AUTOGEN, retention_ns=retention_ns) == [f'CREATE RETENTION POLICY "default" ON "k8s" {expected}']


def test_a_policy_with_another_duration_is_altered() -> None:
    policy = {"name": "default", "duration": "168h0m0s", "default": True}
    assert statements(policy, retention_ns=4 * HOUR_NS) == [
        (
            'ALTER RETENTION POLICY "default" ON "k8s" DURATION 14400000000000ns REPLICATION 1'
            " SHARD DURATION 3600000000000ns DEFAULT"
        )
    ]


@pytest.mark.parametrize(
    ("policy", "retention_ns"),
    [
        pytest.param({"name": "default", "duration": "168h0m0s", "default": True}, 7 * DAY_NS, id="the same already"),
        pytest.param({"name": "default", "duration": "0s", "default": True}, 0, id="for ever already"),
        pytest.param({"name": "default", "duration": "4h0m0s", "default": True}, None, id="no retention option"),
    ],
)
def test_a_policy_is_not_changed(policy: dict[str, Any], retention_ns: int | None) -> None:
    assert statements(policy, retention_ns=retention_ns) == []


def test_names_are_quote_identifier() -> None:
    target = Version1(database='1-"zone"', user="", password="")
    assert statements(retention_ns=None, target=target) == [
        (
            r'CREATE RETENTION POLICY "default" ON "1-\"zone\"" DURATION INF REPLICATION 1'
            " SHARD DURATION 604800000000000ns DEFAULT"
        )
    ]


@pytest.mark.parametrize(
    ("retention_ns", "expected_ns"),
    [
        (0, 7 * DAY_NS),
        (HOUR_NS, HOUR_NS),
        (2 * DAY_NS - 1, HOUR_NS),
        (2 * DAY_NS, DAY_NS),
        (180 * DAY_NS - 1, DAY_NS),
        (180 * DAY_NS, 7 * DAY_NS),
    ],
)
def test_shard_group_duration(retention_ns: int, expected_ns: int) -> None:
    assert shard_ns(retention_ns) == expected_ns


def test_rows_of_a_response() -> None:
    response = {"results": [{"statement_id": 0, "series": [{"columns": ["a", "b"], "values": [[1, 2], [3, 4]]}]}]}
    assert list(rows_of(response)) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert list(rows_of({"results": [{"statement_id": 0}]})) == []


@pytest.mark.parametrize(
    ("response", "message"),
    [
        ({"results": [{"error": "retention policy already exists"}]}, "retention policy already exists"),
        ("<html>", "the response to /query is not InfluxDB's"),
        (None, "the response to /query is not InfluxDB's"),
    ],
)
def test_a_response_with_an_error_is_an_outage(response: object, message: str) -> None:
    with pytest.raises(UnavailableError, match=message):
        list(rows_of(response))
