"""Installs the stack's servers into the cache: `python -m stack.install`."""

import subprocess
import sys

from stack.influxdb import VERSION as INFLUXDB_VERSION
from stack.influxdb import install_influxdb
from stack.kafka import VERSION as KAFKA_VERSION
from stack.kafka import install_kafka


def main() -> int:
    """Install what is missing; says what it does, as the first time takes minutes."""
    try:
        print(f"Kafka {KAFKA_VERSION}: fetched with Maven, 54 MB …", flush=True)
        print(f"  in {install_kafka()}")
        print(f"InfluxDB {INFLUXDB_VERSION}: built with Go, about two minutes the first time …", flush=True)
        print(f"  in {install_influxdb()}")
    except subprocess.CalledProcessError as error:
        print(f"{' '.join(map(str, error.cmd))} ended with status {error.returncode}: see above", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
