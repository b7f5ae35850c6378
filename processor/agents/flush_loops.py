"""The loops beside the agents: what they made becomes durable here, and whatever fails ends the worker."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, cast

import faust
from faust.types import StreamT

from processor.agents.consumer import OrderedConsumer
from processor.agents.group_agent import GroupAgent
from processor.agents.node_agent import NodeAgent
from processor.agents.watchdog import LOOK_EVERY_S, TopicPartition, Watchdog
from processor.config import ProcessorConfig
from processor.state.assignment import Assignment, Position
from runtime.errors import ConfigError, UnavailableError
from runtime.topic_reader import TopicReader
from schemas.topics import Topic

log = logging.getLogger(__name__)

NODE_FLUSH_S: Final = 1.0
MOST_PUT_OFF: Final = 2  # times that it is put off while scrapes come
GROUP_FLUSH_S: Final = 0.5
_MOMENT_S: Final = 0.1


class StalledError(RuntimeError):
    """This worker has stopped without saying so, and Kafka answers: another one is to take over."""


class IdleDetector:
    """Whether to flush now: when nothing has come since the last look, or it has been put off often enough.

    Each scrape changes the totals of all its groups: sent every second, there may be more of them than scrapes.
    """

    def __init__(self) -> None:
        """Before the first look."""
        self._taken = 0
        self._put_off = 0

    def now(self, taken: int) -> bool:
        """A look, by when so many scrapes have been taken in all."""
        busy, self._taken = taken != self._taken, taken
        self._put_off = self._put_off + 1 if busy and self._put_off < MOST_PUT_OFF else 0
        return self._put_off == 0


class FlushLoops:
    """Flushes what the agents of one application made, and notices when that has stopped."""

    def __init__(self, app: faust.App, config: ProcessorConfig, nodes: NodeAgent, groups: GroupAgent) -> None:
        """The agents of one application."""
        self._app = app
        self._config = config
        self._nodes = nodes
        self._groups = groups
        self._watchdog = Watchdog()

    async def flush_nodes(self) -> None:
        """Every second, every three while scrapes come, or sooner when many of them wait."""
        lull = IdleDetector()

        async def flush() -> None:
            deliveries = self._nodes.deliveries
            await deliveries.until_crowded(NODE_FLUSH_S)
            if not self._settled():
                await self._app.sleep(_MOMENT_S)
            elif deliveries.crowded or lull.now(deliveries.taken):
                await self._nodes.flush(self._assignment(self._config.topics.kubelet_stats), time.monotonic())

        await self._forever(flush)

    async def flush_groups(self) -> None:
        """Twice a second, or sooner when many totals wait."""

        async def flush() -> None:
            await self._groups.deliveries.until_crowded(GROUP_FLUSH_S)
            if self._settled():
                await self._groups.flush(self._assignment(self._config.topics.group_sums))
            if self._groups.deliveries.crowded:  # by what may not be written yet, or not now
                await self._app.sleep(_MOMENT_S)

        await self._forever(flush)

    async def _forever(self, transition: Callable[[], Awaitable[None]]) -> None:
        while not self._app.should_stop:
            try:
                await transition()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the worker ends with it
                await _crash(self._app, error)
                return

    async def watch(self) -> None:
        """Every few seconds; apart from the flushes, which may be what does not move."""

        async def look() -> None:
            await self._app.sleep(LOOK_EVERY_S)
            stuck = self._stuck(time.monotonic())
            if not stuck:
                return
            if await asyncio.to_thread(self._kafka_answers):
                raise StalledError(stuck)
            self._watchdog = Watchdog()  # once Kafka is back, things may take their time

        await self._forever(look)

    def lag(self) -> dict[str, dict[int, int]]:
        """By topic and partition of this worker: records still to be processed, 0 where that is not known yet."""
        return {
            topic.name: {
                partition: max(0, (position.end_offset or 0) - (agent.position(partition) or position.end_offset or 0))
                for partition, position in self._assignment(topic).positions.items()
            }
            for topic, agent in self._sources()
        }

    def _stuck(self, now_s: float) -> str:
        return self._watchdog.stuck(self._positions(), now_s) if self._settled() else self._watchdog.unsettled(now_s)

    def _sources(self) -> tuple[tuple[Topic, NodeAgent], tuple[Topic, GroupAgent]]:
        return (self._config.topics.kubelet_stats, self._nodes), (self._config.topics.group_sums, self._groups)

    def _positions(self) -> dict[TopicPartition, tuple[int, int]]:
        """The next offset and the end of each partition of which both are known."""
        return {
            (topic.name, partition): (reached, position.end_offset)
            for topic, agent in self._sources()
            for partition, position in self._assignment(topic).positions.items()
            if (reached := agent.position(partition)) is not None and position.end_offset is not None
        }

    def _kafka_answers(self) -> bool:
        try:
            with TopicReader(self._config.kafka, f"{self._config.group}-watchdog") as reader:
                return bool(reader.partitions(self._config.topics.kubelet_stats.name))
        except (UnavailableError, ConfigError):  # the latter: it refuses us by now
            return False

    def _settled(self) -> bool:
        """Whether no rebalance or recovery is under way: only then tables and assignment belong together."""
        return not (self._app.rebalancing or self._app.in_recovery or self._app.should_stop)

    def _assignment(self, topic: Topic) -> Assignment:
        """The partitions of `topic` that are this worker's now."""
        consumer = cast("OrderedConsumer", self._app.consumer)
        positions = {
            tp.partition: Position(
                next_offset=consumer.began_at(tp),
                end_offset=consumer.highwater(tp),
                committed_offset=self._app.monitor.tp_committed_offsets.get(tp),
            )
            for tp in consumer.assignment()
            if tp.topic == topic.name
        }
        return Assignment(self._app.consumer_generation_id or 0, positions)


def ending_the_worker(
    app: faust.App, run: Callable[[StreamT[bytes]], Awaitable[None]]
) -> Callable[[StreamT[bytes]], Awaitable[None]]:
    """An agent that raises ends the worker. Faust would start it again, behind the record that it raised at."""

    async def agent(stream: StreamT[bytes]) -> None:
        try:
            await run(stream)
        except Exception as error:  # noqa: BLE001 - whatever it is, the record is to be delivered again
            await _crash(app, error)

    return agent


async def _crash(app: faust.App, error: Exception) -> None:
    """End the worker: what was not acknowledged is delivered again, to whoever starts next."""
    log.critical(
        "the worker ends: what it has not finished will be done again", extra={"error": repr(error)}, exc_info=error
    )
    await app.crash(error)
