"""Parse `--kafka-config`: client properties under librdkafka's names (docs/kafka-access.md)."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from runtime.errors import ConfigError

FLAG: Final = "--kafka-config"

_PROPERTY: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_JAAS: Final = re.compile(r'\b(username|password)\s*=\s*"((?:[^"\\]|\\.)*)"')
_ALIASES: Final = {"sasl.mechanism": "sasl.mechanisms", "compression.codec": "compression.type"}
_SIZES: Final = "heapster-stream sets sizes that allow for large nodes and limit memory"
_ACKNOWLEDGED: Final = "heapster-stream needs acknowledgement by all replicas, order and unlimited retries"
_COMMITTED: Final = "heapster-stream commits offsets itself, after the records are processed"
_GROUP: Final = "heapster-stream controls how workers share partitions"

FORBIDDEN_PROPERTIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("bootstrap.servers", "metadata.broker.list"), "use --kafka-brokers"),
    **dict.fromkeys(
        (
            "acks",
            "request.required.acks",
            "enable.idempotence",
            "enable.gapless.guarantee",
            "message.timeout.ms",
            "delivery.timeout.ms",
            "retries",
            "message.send.max.retries",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "transactional.id",
        ),
        _ACKNOWLEDGED,
    ),
    **dict.fromkeys(
        (
            "enable.auto.commit",
            "auto.commit.enable",
            "auto.commit.interval.ms",
            "enable.auto.offset.store",
            "auto.offset.reset",
            "enable.partition.eof",
            "isolation.level",
        ),
        _COMMITTED,
    ),
    **dict.fromkeys(
        (
            "group.id",
            "group.instance.id",
            "group.protocol",
            "group.remote.assignor",
            "heartbeat.interval.ms",
            "max.poll.interval.ms",
            "partition.assignment.strategy",
            "session.timeout.ms",
        ),
        _GROUP,
    ),
    **dict.fromkeys(("partitioner", "sticky.partitioning.linger.ms"), "all clients must partition keys the same way"),
    "allow.auto.create.topics": "heapster-stream creates topics with the settings that they need",
    **dict.fromkeys(
        (
            "batch.num.messages",
            "batch.size",
            "fetch.max.bytes",
            "fetch.message.max.bytes",
            "max.partition.fetch.bytes",
            "message.max.bytes",
            "queue.buffering.max.kbytes",
            "queue.buffering.max.messages",
            "queued.max.messages.kbytes",
            "queued.min.messages",
            "receive.message.max.bytes",
        ),
        _SIZES,
    ),
}
"""Properties that would break delivery or processing guarantees, each with the reason."""


def kafka_properties(values: Iterable[str]) -> dict[str, str]:
    """The properties in the values of `--kafka-config`, each a file or KEY=VALUE; a later value replaces an earlier.

    Raises:
        ConfigError: a file or line is invalid, or a property must not be set. Values are not shown: they may be secret.
    """
    found: dict[str, str] = {}
    for value in values:
        key, assigned, text = value.partition("=")
        if assigned and _PROPERTY.fullmatch(key.strip()):
            found |= _accepted(key.strip(), text, FLAG)
        else:
            found |= _of_file(value)
    return found


def _of_file(path: str) -> dict[str, str]:
    """Read a Java properties file: KEY=VALUE lines, `#` starts a comment, a final backslash continues the line."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(f"{FLAG}={path.partition('=')[0]}: not KEY=VALUE, not a file: {reason}") from None
    found: dict[str, str] = {}
    for line in re.sub(r"\\\r?\n[ \t]*", "", text).splitlines():
        if not line.strip() or line.lstrip()[0] in "#!":
            continue
        key, assigned, value = line.partition("=")
        if not assigned or not _PROPERTY.fullmatch(key.strip()):
            raise ConfigError(f"{FLAG}: {path}: a line is not KEY=VALUE; keys before it: {', '.join(found) or 'none'}")
        found |= _accepted(key.strip(), value.strip(), f"{FLAG}: {path}")
    return found


def _accepted(key: str, value: str, where: str) -> dict[str, str]:
    if key in FORBIDDEN_PROPERTIES:
        raise ConfigError(f"{where}: {key} cannot be set: {FORBIDDEN_PROPERTIES[key]}")
    if key == "sasl.jaas.config":
        return _of_jaas(value, where)
    return {_ALIASES.get(key, key): value}


def _of_jaas(value: str, where: str) -> dict[str, str]:
    """User and password from `sasl.jaas.config`, the property of Java clients."""
    found = {name: re.sub(r"\\(.)", r"\1", text) for name, text in _JAAS.findall(value)}
    if set(found) != {"username", "password"}:
        raise ConfigError(f"{where}: sasl.jaas.config without username and password: set sasl.username, sasl.password")
    return {f"sasl.{name}": text for name, text in found.items()}
