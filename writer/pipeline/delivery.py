"""Delivery of the requests of one write batch: sent until the sink has accepted or refused each line."""

import random
import threading
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from runtime.backoff import pause_s
from runtime.errors import UnavailableError
from writer import telemetry
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.write_requests import (
    Refusal,
    Request,
    expired_points,
    point_count,
    request_body,
    split_refused,
    without_partitions,
)
from writer.sinks.sink import RefusedError, Sink

FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 15.0
_EXPIRED: Final = "beyond_retention"


def random_pause_s(failures: int, retry_after_s: float | None) -> float:
    """Return the seconds to wait after that many failures in a row."""
    chance = random.random()  # noqa: S311 - spreads the load, no secret
    return pause_s(failures, chance, retry_after_s, first_s=FIRST_PAUSE_S, max_s=MAX_PAUSE_S)


class Delivery:
    """Sends requests from its own threads, so that the caller can keep polling Kafka.

    The threads are daemons: a sink that hangs does not keep the process from exiting.
    """

    def __init__(
        self,
        requests: Iterable[Request],
        sink: Sink,
        outage: OutageLog,
        *,
        may_send: Callable[[], bool] = lambda: True,
        pause_s: Callable[[int, float | None], float] = random_pause_s,
    ) -> None:
        """Start sending. `may_send` is called before each attempt: False abandons the delivery."""
        self.points = 0  # accepted by the sink
        self.refusals: list[Refusal] = []
        self._queue = list(requests)
        self._sink = sink
        self._outage = outage
        self._may_send = may_send
        self._pause_s = pause_s
        self._change = threading.Condition()
        self._dropped: frozenset[int] = frozenset()  # partitions
        self._sending: dict[int, Request] = {}  # by thread
        self._abandoned = threading.Event()
        self._error: BaseException | None = None
        threads = min(sink.concurrency, len(self._queue))
        self._running = threads
        for number in range(threads):
            threading.Thread(target=self._run, name=f"{sink.name}-{number}", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Wait up to the timeout; whether every line is accepted or refused. Raises an exception of a thread."""
        with self._change:
            done = self._change.wait_for(lambda: not self._running, timeout_s)
            if self._error is not None:
                raise self._error
            return done and not self._abandoned.is_set()

    def abandon(self) -> None:
        """Start no further requests; those in flight are not interrupted."""
        self._abandoned.set()

    def drop(self, partitions: AbstractSet[int]) -> None:
        """Send no further lines of these partitions."""
        with self._change:
            self._dropped |= partitions

    def in_flight(self, partitions: AbstractSet[int], timeout_s: float) -> bool:
        """Wait up to the timeout; whether lines of these partitions are still in a request in flight."""

        def ended() -> bool:
            return not any(record.partition in partitions for request in self._sending.values() for record in request)

        with self._change:
            return not self._change.wait_for(ended, timeout_s)

    def _run(self) -> None:
        try:
            while (request := self._next()) is not None:
                self._deliver(request)
        except BaseException as error:  # noqa: BLE001 - a bug: raised again by `wait`
            self._error = error
        finally:
            with self._change:
                self._running -= 1
                self._change.notify_all()

    def _next(self) -> Request | None:
        with self._change:
            return self._queue.pop(0) if self._queue and not self._abandoned.is_set() else None

    def _deliver(self, request: Request) -> None:
        parts = [request]
        while parts:
            part = parts.pop()
            try:
                self._send(part)
            except RefusedError as refused:
                parts.extend(self._after_refusal(part, refused))

    def _send(self, request: Request) -> None:
        """Send a request until the sink accepts it. Raises RefusedError: the sink refuses it."""
        failures = 0
        while (remaining := self._begin(request)) is not None:
            try:
                self._write(request_body(remaining))
            except UnavailableError as error:
                failures += 1
                self._count("unavailable")
                self._outage.failed(error)
                telemetry.retries.labels(self._sink.name).inc()
                retry_after_s = error.retry_after_s
            except RefusedError:
                self._count("refused")
                self._outage.succeeded()
                raise
            else:
                self._accepted(point_count(remaining))
                return
            finally:
                self._end()
            self._abandoned.wait(self._pause_s(failures, retry_after_s))

    def _write(self, lines: bytes) -> None:
        telemetry.request_bytes.labels(self._sink.name).inc(len(lines))
        with telemetry.latency.labels(self._sink.name).time():
            self._sink.write(lines)

    def _begin(self, request: Request) -> Request | None:
        """Mark the request as in flight, without dropped partitions; None if nothing may or need be sent."""
        with self._change:
            if not self._may_send():
                self._abandoned.set()
            remaining = without_partitions(request, self._dropped)
            if self._abandoned.is_set() or not remaining:
                return None
            self._sending[threading.get_ident()] = remaining
            return remaining

    def _end(self) -> None:
        with self._change:
            del self._sending[threading.get_ident()]
            self._change.notify_all()

    def _accepted(self, points: int) -> None:
        self._count("written")
        self._outage.succeeded()
        telemetry.points_written.labels(self._sink.name).inc(points)
        with self._change:
            self.points += points

    def _after_refusal(self, request: Request, refused: RefusedError) -> tuple[Request, ...]:
        """Smaller requests to send; none if every line is accepted or refused by now."""
        message = str(refused)
        expired = expired_points(message)
        if expired is not None:  # InfluxDB has written the other points
            telemetry.points_left_out.labels(self._sink.name, _EXPIRED).inc(expired)
            self._accepted(max(0, point_count(request) - expired))
            return ()
        parts = split_refused(request, message, by_field=refused.by_field)
        if not parts:
            with self._change:
                self.refusals.extend(Refusal(record_lines, message) for record_lines in request)
        return parts

    def _count(self, outcome: str) -> None:
        telemetry.requests.labels(self._sink.name, outcome).inc()
