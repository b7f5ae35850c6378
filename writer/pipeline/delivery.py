"""Delivery: the requests of one hand, sent until each line is taken or refused."""

import random
import threading
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from runtime.backoff import pause_s
from runtime.errors import UnavailableError
from writer import telemetry
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.write_requests import RecordLines, Request, body, expired, narrowed, size, without
from writer.sinks.sink import RefusedError, Sink

FIRST_PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 15.0
_EXPIRED: Final = "beyond_retention"


class Refusal(NamedTuple):
    """Lines that the sink refuses for good, and what it said."""

    piece: RecordLines
    message: str


def random_pause_s(failures: int, retry_after_s: float | None) -> float:
    """How long to wait after so many failures in a row."""
    return pause_s(failures, random.random(), retry_after_s, first_s=FIRST_PAUSE_S, max_s=MAX_PAUSE_S)  # noqa: S311 - no secret


class Delivery:
    """Sends requests from threads of its own, so that whoever waits can go on serving Kafka.

    The threads are daemons: a sink that hangs keeps no process from ending.
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
        """Begin. `may_send` is asked before each try: False ends the delivery, nothing more is sent."""
        self.points = 0
        self.refusals: list[Refusal] = []
        self._waiting = list(requests)
        self._sink = sink
        self._outage = outage
        self._may_send = may_send
        self._pause_s = pause_s
        self._change = threading.Condition()
        self._dropped: frozenset[int] = frozenset()
        self._sending: dict[int, Request] = {}  # by thread
        self._abandoned = threading.Event()
        self._crash: BaseException | None = None
        threads = min(sink.concurrency, len(self._waiting))
        self._running = threads
        for number in range(threads):
            threading.Thread(target=self._run, name=f"{sink.name}-{number}", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        """Whether everything has been answered. Raises what a thread has died of."""
        with self._change:
            done = self._change.wait_for(lambda: not self._running, timeout_s)
            if self._crash is not None:
                raise self._crash
            return done and not self._abandoned.is_set()

    def abandon(self) -> None:
        """Send nothing more; a request in flight is left to itself."""
        self._abandoned.set()

    def drop(self, partitions: AbstractSet[int]) -> None:
        """Send nothing more of these partitions' records."""
        with self._change:
            self._dropped |= partitions

    def in_flight(self, partitions: AbstractSet[int], timeout_s: float) -> bool:
        """Whether records of these partitions are still being sent after waiting for so long."""

        def ended() -> bool:
            return not any(piece.partition in partitions for request in self._sending.values() for piece in request)

        with self._change:
            return not self._change.wait_for(ended, timeout_s)

    def _run(self) -> None:
        try:
            while (request := self._next()) is not None:
                self._deliver(request)
        except BaseException as error:  # noqa: BLE001 - a bug: raised again in the thread that waits
            self._crash = error
        finally:
            with self._change:
                self._running -= 1
                self._change.notify_all()

    def _next(self) -> Request | None:
        with self._change:
            return self._waiting.pop(0) if self._waiting and not self._abandoned.is_set() else None

    def _deliver(self, request: Request) -> None:
        parts = [request]
        while parts:
            part = parts.pop()
            try:
                self._until_answered(part)
            except RefusedError as refused:
                parts.extend(self._after_refusal(part, refused))

    def _until_answered(self, request: Request) -> None:
        failures = 0
        while (left := self._begin(request)) is not None:
            try:
                self._write(body(left))
            except UnavailableError as error:
                failures += 1
                self._count("unavailable")
                self._outage.failed(error)
                telemetry.retries.labels(self._sink.name).inc()
                asked_s = error.retry_after_s
            except RefusedError:
                self._count("refused")
                self._outage.over()
                raise
            else:
                self._written(size(left))
                return
            finally:
                self._end()
            self._abandoned.wait(self._pause_s(failures, asked_s))

    def _write(self, lines: bytes) -> None:
        telemetry.request_bytes.labels(self._sink.name).inc(len(lines))
        with telemetry.latency.labels(self._sink.name).time():
            self._sink.write(lines)

    def _begin(self, request: Request) -> Request | None:
        with self._change:
            if not self._may_send():
                self._abandoned.set()
            left = without(request, self._dropped)
            if self._abandoned.is_set() or not left:
                return None
            self._sending[threading.get_ident()] = left
            return left

    def _end(self) -> None:
        with self._change:
            del self._sending[threading.get_ident()]
            self._change.notify_all()

    def _written(self, points: int) -> None:
        self._count("written")
        self._outage.over()
        telemetry.points_written.labels(self._sink.name).inc(points)
        with self._change:
            self.points += points

    def _after_refusal(self, request: Request, refused: RefusedError) -> tuple[Request, ...]:
        """Smaller requests to try; none when all has been decided."""
        message = str(refused)
        too_old = expired(message)
        if too_old is not None:  # the others are written, these are what retention would remove
            telemetry.points_left_out.labels(self._sink.name, _EXPIRED).inc(too_old)
            self._written(max(0, size(request) - too_old))
            return ()
        parts = narrowed(request, message, by_field=refused.by_field)
        if not parts:
            with self._change:
                self.refusals.extend(Refusal(piece, message) for piece in request)
        return parts

    def _count(self, outcome: str) -> None:
        telemetry.requests.labels(self._sink.name, outcome).inc()
