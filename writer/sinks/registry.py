"""Sinks by the key of their URI."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from runtime.errors import ConfigError
from runtime.influxdb import INFLUXDB, OF_1_X, ignored_parts
from runtime.uri import KeyedUri, Options, parse_keyed_uri
from writer.sinks.config import FILE, LOG, FileConfig, InfluxConfig
from writer.sinks.file_sink import FileSink
from writer.sinks.filter_options import FILTER_OPTIONS, parse_filter
from writer.sinks.influxdb import InfluxSink
from writer.sinks.kafka_config import KAFKA, KafkaConfig
from writer.sinks.kafka_sink import KafkaSink
from writer.sinks.log_sink import LogSink
from writer.sinks.sink import Sink

log = logging.getLogger(__name__)

_SINKS: Final[Mapping[str, Callable[[KeyedUri, Options], Sink]]] = {
    INFLUXDB: lambda keyed, option: InfluxSink(InfluxConfig.parse(keyed, option)),
    FILE: lambda keyed, option: FileSink(FileConfig.parse(keyed, option)),
    KAFKA: lambda keyed, option: KafkaSink(KafkaConfig.parse(keyed, option)),
    LOG: lambda _keyed, option: LogSink(parse_filter(option, with_tags=False)),
}


def sink_of(flag: str, value: str) -> Sink:
    """The sink that KEY:URI names. Raises ConfigError: there is none, or it cannot be used."""
    keyed = parse_keyed_uri(flag, value)
    if keyed.key not in _SINKS:
        *others, last = _SINKS
        raise ConfigError(f"{flag}={keyed.key}: no such sink: there are {', '.join(others)} and {last}")
    option = Options.of(keyed)
    sink = _SINKS[keyed.key](keyed, option)
    of_no_effect = option.done(*(OF_1_X if keyed.key == INFLUXDB else ()))
    told = {name: option.values[name] for name in FILTER_OPTIONS if name in option.values}
    if told:
        log.info("filtered: not everything goes to this sink", extra={"sink": sink.name, "filter": told})
    ignored = (
        *(f"the option {name}" for name in of_no_effect),
        *(() if keyed.key == FILE else ignored_parts(keyed)),
    )
    if ignored:
        log.warning("ignored: of no use for this sink", extra={"sink": sink.name, "ignored": ignored})
    return sink
