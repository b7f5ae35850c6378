"""Asks Kafka every few seconds whether it is there: nothing else in a quiet process would notice that it is not."""

import logging
import threading
import time
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime.health import KAFKA, Health
from runtime.kafka import ConnectionErrors, KafkaSettings, client_log, client_settings

log = logging.getLogger(__name__)

EVERY_S: Final = 5.0
_TIMEOUT_S: Final = 5.0


class KafkaProbe(threading.Thread):
    """Reports to `Health` whether Kafka answers; starts at once, ends with the process or when it is told to stop."""

    def __init__(self, kafka: KafkaSettings, topic: str, health: Health, stopped: threading.Event) -> None:
        """`topic` is one that is there and may be described."""
        super().__init__(name="kafka-probe", daemon=True)
        self._reasons = ConnectionErrors(kafka)
        settings = {**client_settings(kafka, "heapster-stream-probe"), "error_cb": self._reasons}
        self._admin = AdminClient(settings, logger=client_log)  # type: ignore[arg-type] # takes callbacks as others do
        self._topic = topic
        self._health = health
        self._stopped = stopped
        self._away_since_s: float | None = None
        self.start()

    def run(self) -> None:
        """Ask until told to stop."""
        while not self._stopped.is_set():
            reason = self._ask()
            self._health.report(KAFKA, reason)
            self._tell(reason)
            self._stopped.wait(EVERY_S)

    def _tell(self, reason: str | None) -> None:
        """Once when an outage begins, once when it is over."""
        if reason is not None and self._away_since_s is None:
            self._away_since_s = time.monotonic()
            log.warning("Kafka is away: waiting for it", extra={"error": reason})
        elif reason is None and self._away_since_s is not None:
            log.info("Kafka answers again", extra={"after_s": round(time.monotonic() - self._away_since_s, 1)})
            self._away_since_s = None

    def _ask(self) -> str | None:
        try:
            self._admin.list_topics(self._topic, timeout=_TIMEOUT_S)
        except KafkaException as error:
            self._admin.poll(0)  # hands out what was heard
            return str(self._reasons.error(error.args[0]))
        self._admin.poll(0)  # one of many brokers may be away: that is no reason, and must not pile up
        self._reasons.forget()
        return None
