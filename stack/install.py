"""Installs the stack's servers into the cache: `python -m stack.install`."""

import sys

from stack.cache import InstallError, cache_folder
from stack.influxdb import VERSION as INFLUXDB_VERSION
from stack.influxdb import install_influxdb
from stack.kafka import VERSION as KAFKA_VERSION
from stack.kafka import install_kafka

_INTERRUPTED = 130


def main() -> int:
    """Install what is missing; tells what it does, as the first time takes minutes."""
    try:
        print(f"Kafka {KAFKA_VERSION}, 55 MB fetched with Maven the first time …", flush=True)
        install_kafka()
        print(f"InfluxDB {INFLUXDB_VERSION}, built with Go in two minutes the first time …", flush=True)
        install_influxdb()
    except InstallError as error:
        print(f"{error}\nTry again once that is mended: what is there already is kept.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    print(f"Both are in {cache_folder()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
