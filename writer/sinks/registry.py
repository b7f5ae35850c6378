"""Creates a sink from the value of the flag --sink."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

from runtime.errors import ConfigError
from runtime.influxdb import INFLUXDB, VERSION_1_OPTIONS, ignored_parts
from runtime.uri import KeyedUri, UriOptions, parse_keyed_uri
from writer.sinks.config import FILE, LOG, FileConfig, InfluxConfig
from writer.sinks.file_sink import FileSink
from writer.sinks.filter_options import FILTER_OPTIONS, parse_filter
from writer.sinks.influxdb import InfluxSink
from writer.sinks.kafka_config import KAFKA, KafkaConfig
from writer.sinks.kafka_sink import KafkaSink
from writer.sinks.log_sink import LogSink
from writer.sinks.sink import Sink

log = logging.getLogger(__name__)

_SINKS: Final[Mapping[str, Callable[[KeyedUri, UriOptions], Sink]]] = {
    INFLUXDB: lambda keyed, option: InfluxSink(InfluxConfig.parse(keyed, option)),
    FILE: lambda keyed, option: FileSink(FileConfig.parse(keyed, option)),
    KAFKA: lambda keyed, option: KafkaSink(KafkaConfig.parse(keyed, option)),
    LOG: lambda _keyed, option: LogSink(parse_filter(option, with_tags=False)),
}


def create_sink(flag: str, value: str) -> Sink:
    """Create the sink of `KEY:URI`. Raises ConfigError: the key is unknown or an option is invalid."""
    keyed = parse_keyed_uri(flag, value)
    if keyed.key not in _SINKS:
        *others, last = _SINKS
        raise ConfigError(f"{flag}={keyed.key}: unknown sink: expected {', '.join(others)} or {last}")
    option = UriOptions.from_uri(keyed)
    sink = _SINKS[keyed.key](keyed, option)
    without_effect = option.reject_unknown(*(VERSION_1_OPTIONS if keyed.key == INFLUXDB else ()))
    filters = {name: option.values[name] for name in FILTER_OPTIONS if name in option.values}
    if filters:
        log.info("filter set: the sink gets only matching points", extra={"sink": sink.name, "filter": filters})
    ignored = (
        *(f"the option {name}" for name in without_effect),
        *(() if keyed.key == FILE else ignored_parts(keyed)),
    )
    if ignored:
        log.warning("options without effect on this sink are ignored", extra={"sink": sink.name, "ignored": ignored})
    return sink
