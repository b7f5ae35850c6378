"""The sink `kafka`: Heapster's own messages, one a point, for who still reads them."""

from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.cimpl import Message

from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import client_log
from schemas.metric_batch import MetricBatch
from writer.lines.filters import filtered
from writer.lines.render import Rendered
from writer.lines.render_json import render_json
from writer.sinks.kafka_config import KafkaConfig
from writer.sinks.sink import RefusedError

_METADATA_S: Final = 5.0
_ROOM_AFTER_S: Final = 0.1
_DURATION: Final = " (after "  # left out: an outage is told once if it is the same each time
_ALL_DOWN: Final = KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001 - vague: what was heard before says more


class KafkaSink:
    """A topic as a sink: written once all its replicas have the messages. Kafka's absence is an outage."""

    concurrency: Final = 1

    def __init__(self, config: KafkaConfig) -> None:
        """Nothing is asked of Kafka yet. Raises ConfigError: a setting that no client can have, as a missing file."""
        self.name = config.identity
        self._config = config
        self._heard = ""
        self._producer = self._new_producer()

    def prepare(self) -> None:
        """Reach it. Raises UnavailableError: it does not answer, or refuses us."""
        try:
            self._producer.list_topics(timeout=_METADATA_S)
        except KafkaException as error:
            self._producer.poll(0)  # hands out what was heard
            raise self._unavailable(error.args[0]) from error

    def render(self, batch: MetricBatch) -> Rendered:
        """The batch's points as JSON."""
        return render_json(filtered(batch, self._config.chosen))

    def write(self, body: bytes) -> None:
        """Send a message a line; returns when Kafka has acknowledged all of them.

        Raises:
            RefusedError: the topic takes no message so large; the others may be there.
            UnavailableError: not all were acknowledged; some may be there, and are there twice when it is tried again.
        """
        failed: list[KafkaError] = []

        def answered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(error)

        for line in body.split(b"\n")[:-1]:
            self._send(line, answered)
        self._producer.flush()
        self._judge(failed)
        self._heard = ""

    def _send(self, line: bytes, answered: Callable[[KafkaError | None, Message], None]) -> None:
        while True:
            try:
                self._producer.produce(self._config.topic, value=line, on_delivery=answered)
            except BufferError:
                self._producer.poll(_ROOM_AFTER_S)
            except KafkaException as error:
                self._judge([error.args[0]])
            else:
                return

    def _judge(self, failed: list[KafkaError]) -> None:
        if any(error.fatal() for error in failed):
            self._producer = self._new_producer()  # this one will never send again
        others = [error for error in failed if error.code() != KafkaError.MSG_SIZE_TOO_LARGE]
        if others:
            raise self._unavailable(others[0])
        if failed:
            raise RefusedError(f"{self._config.topic}: {failed[0].str()}", by_field=False)

    def _new_producer(self) -> Producer:
        try:
            return Producer(self._config.settings | {"error_cb": self._hear}, logger=client_log)
        except KafkaException as error:
            raise ConfigError(f"--sink=kafka: {error.args[0].str()}") from None

    def _hear(self, error: KafkaError) -> None:
        if error.code() != _ALL_DOWN:
            self._heard = error.str().partition(_DURATION)[0]

    def _unavailable(self, error: KafkaError) -> UnavailableError:
        return UnavailableError(f"Kafka at {self._config.brokers}: {self._heard or error.str()}")
