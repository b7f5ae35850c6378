"""Kafka and InfluxDB at their usual ports, without a pipeline: `python -m tools.stack.servers`."""

import shutil
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tools.stack.cache import InstallError, cache_folder, locked
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.ports import usual_port
from tools.stack.process import ProcessError
from tools.stack.server import Server

_KAFKA_PORT: Final = 9092
_INFLUXDB_PORT: Final = 8086
_LOOK_EVERY_S: Final = 0.2


def main() -> int:
    """Run both until interrupted; 1 if one of them does not start, or ends by itself."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    folder = cache_folder() / "servers"
    try:
        with locked("servers", wait=False):
            shutil.rmtree(folder, ignore_errors=True)
            _run(folder, stopped)
    except BlockingIOError:
        print(f"They run already, in {folder}: end those first.", file=sys.stderr)
        return 1
    except (InstallError, ProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(folder: Path, stopped: threading.Event) -> None:
    kafka = Kafka(folder / "kafka", port=usual_port(_KAFKA_PORT))
    influxdb = InfluxDB(folder / "influxdb", port=usual_port(_INFLUXDB_PORT))
    servers: tuple[Server, ...] = (kafka, influxdb)
    with ExitStack() as ending:
        print("Kafka and InfluxDB are starting …", flush=True)
        for server in servers:
            ending.callback(server.launch().stop)
        while not all(server.is_up() for server in servers):
            if stopped.wait(_LOOK_EVERY_S):
                return
        print(f"Kafka     {kafka.bootstrap}{_not(_KAFKA_PORT, kafka.port)}")
        print(f"InfluxDB  {influxdb.url}{_not(_INFLUXDB_PORT, influxdb.port)}, no password")
        print(f"Both are empty; logs and data are in {folder}. Ctrl-C ends them.", flush=True)
        while not stopped.wait(_LOOK_EVERY_S):
            for server in servers:
                if not server.running:
                    server.wait()  # which says why


def _not(usual: int, port: int) -> str:
    return "" if port == usual else f" (somebody else has {usual})"


if __name__ == "__main__":
    sys.exit(main())
