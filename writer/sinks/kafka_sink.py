"""The sink `kafka`: one message per point, in the format of Heapster's Kafka sink."""

from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.cimpl import Message

from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import client_log
from schemas.metric_batch import MetricBatch
from writer.lines.filters import filter_batch
from writer.lines.render import Rendered
from writer.lines.render_json import render_json
from writer.sinks.kafka_config import KafkaConfig
from writer.sinks.sink import RefusedError

_METADATA_TIMEOUT_S: Final = 5.0
_QUEUE_FULL_POLL_S: Final = 0.1
_DURATION: Final = " (after "  # removed from errors: a constant text is logged once per outage
_ALL_DOWN: Final = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - unspecific: the error before it says more


class KafkaSink:
    """Writes to a topic, acknowledged by all replicas. An unreachable Kafka is an outage, which is retried."""

    concurrency: Final = 1

    def __init__(self, config: KafkaConfig) -> None:
        """Create the producer; it connects later. Raises ConfigError: an invalid setting, such as a missing file."""
        self.name = config.identity
        self._config = config
        self._last_error = ""
        self._producer = self._new_producer()

    def prepare(self) -> None:
        """Fetch metadata. Raises UnavailableError: Kafka does not answer, or refuses the credentials."""
        try:
            self._producer.list_topics(timeout=_METADATA_TIMEOUT_S)
        except KafkaException as error:
            self._producer.poll(0)  # calls _on_error
            raise self._unavailable(error.args[0]) from error

    def render(self, batch: MetricBatch) -> Rendered:
        """Render the accepted points of a batch as JSON."""
        return render_json(filter_batch(batch, self._config.sink_filter))

    def write(self, body: bytes) -> None:
        """Send one message per line; return when Kafka has acknowledged all of them.

        Raises:
            RefusedError: a message is too large for the topic; others may have been written.
            UnavailableError: not all messages were acknowledged; a retry may write some of them twice.
        """
        failed: list[KafkaError] = []

        def on_delivery(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(error)

        for line in body.split(b"\n")[:-1]:
            self._send(line, on_delivery)
        self._producer.flush()
        self._raise_for(failed)
        self._last_error = ""

    def _send(self, line: bytes, on_delivery: Callable[[KafkaError | None, Message], None]) -> None:
        while True:
            try:
                self._producer.produce(self._config.topic, value=line, on_delivery=on_delivery)
            except BufferError:
                self._producer.poll(_QUEUE_FULL_POLL_S)
            except KafkaException as error:
                self._raise_for([error.args[0]])
            else:
                return

    def _raise_for(self, failed: list[KafkaError]) -> None:
        if any(error.fatal() for error in failed):
            self._producer = self._new_producer()  # a producer does not recover from a fatal error
        others = [error for error in failed if error.code() != KafkaError.MSG_SIZE_TOO_LARGE]
        if others:
            raise self._unavailable(others[0])
        if failed:
            raise RefusedError(f"{self._config.topic}: {failed[0].str()}", by_field=False)

    def _new_producer(self) -> Producer:
        try:
            return Producer(self._config.settings | {"error_cb": self._on_error}, logger=client_log)
        except KafkaException as error:
            raise ConfigError(f"--sink=kafka: {error.args[0].str()}") from None

    def _on_error(self, error: KafkaError) -> None:
        if error.code() != _ALL_DOWN:
            self._last_error = error.str().partition(_DURATION)[0]

    def _unavailable(self, error: KafkaError) -> UnavailableError:
        return UnavailableError(f"Kafka at {self._config.brokers}: {self._last_error or error.str()}")
