"""Checks every few seconds that Kafka is reachable; an idle process would not notice an outage otherwise."""

import logging
import threading
import time
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.health import KAFKA, Health
from runtime.kafka import ConnectionErrors, KafkaSettings, client_log, client_settings

log = logging.getLogger(__name__)

_INTERVAL_S: Final = 5.0
_TIMEOUT_S: Final = 5.0


class KafkaProbe(threading.Thread):
    """Daemon thread that reports to `Health` whether Kafka answers; starts at once, ends when `stopped` is set."""

    def __init__(self, kafka: KafkaSettings, topic: str, health: Health, stopped: threading.Event) -> None:
        """`topic` must exist, and the user must be allowed to describe it."""
        super().__init__(name="kafka-probe", daemon=True)
        self._errors = ConnectionErrors(kafka)
        settings = {**client_settings(kafka, "heapster-stream-probe"), "error_cb": self._errors}
        self._admin = AdminClient(settings, logger=client_log)  # type: ignore[arg-type] # its type omits callbacks
        self._topic = topic
        self._health = health
        self._stopped = stopped
        self._unreachable_since_s: float | None = None
        self.start()

    def run(self) -> None:
        """Check until `stopped` is set."""
        while not self._stopped.is_set():
            reason = self._unreachable_reason()
            self._health.report(KAFKA, reason)
            self._log_change(reason)
            self._stopped.wait(_INTERVAL_S)

    def _log_change(self, reason: str | None) -> None:
        """Log an outage once when it starts and once when it ends."""
        if reason is not None and self._unreachable_since_s is None:
            self._unreachable_since_s = time.monotonic()
            log.warning("Kafka is unreachable, waiting for it", extra={"error": reason})
        elif reason is None and self._unreachable_since_s is not None:
            outage_s = time.monotonic() - self._unreachable_since_s
            log.info("Kafka is reachable again", extra={"after_s": round(outage_s, 1)})
            self._unreachable_since_s = None

    def _unreachable_reason(self) -> str | None:
        try:
            self._admin.list_topics(self._topic, timeout=_TIMEOUT_S)
        except KafkaException as error:
            self._admin.poll(0)  # calls error_cb
            return str(self._errors.to_exception(error.args[0]))
        self._admin.poll(0)  # errors of single brokers must not pile up while others answer
        self._errors.clear()
        return None
