from api.heapster.history import HistoryConfig
from runtime.uri import UriOptions, parse_keyed_uri
from writer.sinks.config import InfluxConfig


def test_the_api_takes_every_option_of_the_writers_sink() -> None:
    keyed = parse_keyed_uri("--sink", "influxdb:http://h:8086", {})
    written = UriOptions.from_uri(keyed)
    InfluxConfig.parse(keyed, written)
    assert {"db", "withfields", "exclude_labels"} <= written._read
    for option in written._read - {"org", "bucket", "token", "token_file"}:
        HistoryConfig.parse(f"influxdb:http://h:8086?{option}=1", "default")
