import pytest

from replay.__main__ import replay
from runtime.errors import ConfigError

NOON = "2026-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from=noon", f"--to={NOON}"), "--from: 'noon' is not a time like 2026-01-01T00:00:00Z"),
        ((f"--from={NOON}", "--to=9999-12-31T23:59:59-23:59"), "--to: '9999-12-31T23:59:59-23:59' is not a time"),
        (
            (f"--from={NOON}", "--to=2026-01-01T11:59:00Z"),
            "--from 2026-01-01T12:00:00Z is after --to 2026-01-01T11:59:00Z",
        ),
        (
            (f"--from={NOON}", f"--to={NOON}", "--topic-suffix=-dead-letter"),
            "--topic-suffix: '-dead-letter' gives names of other topics",
        ),
        ((f"--from={NOON}", f"--to={NOON}", "--topic-suffix=a/b"), "--topic-suffix: 'a/b' is not a valid suffix"),
        ((f"--from={NOON}", f"--to={NOON}", "--sink=gcm"), "--sink=gcm: unknown sink"),
    ],
)
def test_invalid_flags_are_rejected_before_a_request_to_kafka(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        replay.main(["--kafka-brokers=127.0.0.1:1", *arguments], standalone_mode=False)
    assert str(raised.value).startswith(message)
