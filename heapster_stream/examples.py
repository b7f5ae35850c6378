"""Examples for the help text of each command, quoted for a shell."""

from collections.abc import Mapping
from typing import Final

_KAFKA: Final = "--kafka-brokers=localhost:9092"

EXAMPLES: Final[Mapping[str, str]] = {
    "api": f"  heapster-stream api {_KAFKA} --heapster-port=8082",
    "dead-letters": f"""  heapster-stream dead-letters list {_KAFKA}
  heapster-stream dead-letters requeue {_KAFKA} kubelet-stats-dead-letter/3/17""",
    "processor": f"  heapster-stream processor {_KAFKA}",
    "replay": f"""  heapster-stream replay {_KAFKA} \\
    --from=2026-01-01T00:00:00Z --to=2026-01-01T06:00:00Z \\
    --sink='influxdb:http://localhost:8086?db=again'""",
    "scraper": f"""  heapster-stream scraper {_KAFKA} \\
    --source='kubernetes:https://HOST:6443?inClusterConfig=false&auth=/etc/kubeconfig'""",
    "simulate": "  heapster-stream simulate --nodes=10 --pods-per-node=30",
    "topics": f"  heapster-stream topics {_KAFKA} --partitions=24 --kubelet-stats-retention=90d",
    "writer": f"""  heapster-stream writer {_KAFKA} \\
    --sink='influxdb:http://localhost:8086?db=k8s&retention=30d'""",
}
