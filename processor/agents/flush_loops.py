"""Background loops: flush the agents' results to Kafka and watch for a stall. Any error ends the worker."""

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
from processor.agents.watchdog import CHECK_INTERVAL_S, TopicPartition, Watchdog
from processor.config import ProcessorConfig
from processor.state.assignment import Assignment, Position
from runtime.errors import ConfigError, UnavailableError
from runtime.topic_reader import TopicReader
from schemas.topics import Topic

log = logging.getLogger(__name__)

NODE_FLUSH_S: Final = 1.0
MAX_DEFERRALS: Final = 2  # of a flush, while scrapes arrive
GROUP_FLUSH_S: Final = 0.5
_RETRY_S: Final = 0.1


class StalledError(RuntimeError):
    """This worker has stalled although Kafka answers: it ends, and other workers take over its partitions."""


class IdleDetector:
    """Decides when to flush: if no scrape has arrived since the last check, or after `MAX_DEFERRALS` busy checks.

    Each scrape changes the totals of all its groups, so sending them every second could take more records than scrapes.
    """

    def __init__(self) -> None:
        """Start without any scrape."""
        self._scrapes = 0
        self._deferrals = 0

    def should_flush(self, scrapes: int) -> bool:
        """Whether to flush now; `scrapes` is the number of all scrapes so far."""
        busy, self._scrapes = scrapes != self._scrapes, scrapes
        self._deferrals = self._deferrals + 1 if busy and self._deferrals < MAX_DEFERRALS else 0
        return self._deferrals == 0


class FlushLoops:
    """Flushes the agents of one application, and watches for a stall."""

    def __init__(self, app: faust.App, config: ProcessorConfig, nodes: NodeAgent, groups: GroupAgent) -> None:
        """Create the loops for the two agents of an application."""
        self._app = app
        self._config = config
        self._nodes = nodes
        self._groups = groups
        self._watchdog = Watchdog()

    async def flush_nodes(self) -> None:
        """Flush the node agent every second, every three while scrapes arrive, or sooner when half full."""
        idle = IdleDetector()

        async def flush() -> None:
            acks = self._nodes.acks
            await acks.wait_until_half_full(NODE_FLUSH_S)
            if not self._is_stable():
                await self._app.sleep(_RETRY_S)
            elif acks.half_full or idle.should_flush(acks.event_count):
                await self._nodes.flush(self._assignment(self._config.topics.kubelet_stats), time.monotonic())

        await self._repeat(flush)

    async def flush_groups(self) -> None:
        """Flush the group agent twice a second, or sooner when half full."""

        async def flush() -> None:
            await self._groups.acks.wait_until_half_full(GROUP_FLUSH_S)
            if self._is_stable():
                await self._groups.flush(self._assignment(self._config.topics.group_sums))
            if self._groups.acks.half_full:  # the flush could not write the batches that the events wait for
                await self._app.sleep(_RETRY_S)

        await self._repeat(flush)

    async def _repeat(self, action: Callable[[], Awaitable[None]]) -> None:
        while not self._app.should_stop:
            try:
                await action()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - any error ends the worker
                await _crash(self._app, error)
                return

    async def watch(self) -> None:
        """Check for a stall every few seconds; a loop of its own, because a flush may be what has stalled."""

        async def check() -> None:
            await self._app.sleep(CHECK_INTERVAL_S)
            stall = self._stall(time.monotonic())
            if not stall:
                return
            if await asyncio.to_thread(self._kafka_answers):
                raise StalledError(stall)
            self._watchdog = Watchdog()  # Kafka is down: measure again from the start

        await self._repeat(check)

    def lag(self) -> dict[str, dict[int, int]]:
        """Records still to be processed, by topic and assigned partition; 0 while unknown."""
        return {
            topic.name: {
                partition: max(0, (position.end_offset or 0) - (agent.position(partition) or position.end_offset or 0))
                for partition, position in self._assignment(topic).positions.items()
            }
            for topic, agent in self._sources()
        }

    def _stall(self, now_s: float) -> str:
        """What has stalled, as a message; empty if nothing has."""
        if self._is_stable():
            return self._watchdog.check_positions(self._positions(), now_s)
        return self._watchdog.check_rebalance(now_s)

    def _sources(self) -> tuple[tuple[Topic, NodeAgent], tuple[Topic, GroupAgent]]:
        return (self._config.topics.kubelet_stats, self._nodes), (self._config.topics.group_sums, self._groups)

    def _positions(self) -> dict[TopicPartition, tuple[int, int]]:
        """The next offset and the end offset of each partition for which both are known."""
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
        except (UnavailableError, ConfigError):  # ConfigError: the brokers no longer accept the credentials
            return False

    def _is_stable(self) -> bool:
        """Whether no rebalance, recovery or shutdown is under way, so that the tables match the assignment."""
        return not (self._app.rebalancing or self._app.in_recovery or self._app.should_stop)

    def _assignment(self, topic: Topic) -> Assignment:
        """The partitions of `topic` that are assigned to this worker."""
        consumer = cast("OrderedConsumer", self._app.consumer)
        positions = {
            tp.partition: Position(
                next_offset=consumer.start_offset(tp),
                end_offset=consumer.highwater(tp),
                committed_offset=self._app.monitor.tp_committed_offsets.get(tp),
            )
            for tp in consumer.assignment()
            if tp.topic == topic.name
        }
        return Assignment(self._app.consumer_generation_id or 0, positions)


def crash_on_error(
    app: faust.App, run: Callable[[StreamT[bytes]], Awaitable[None]]
) -> Callable[[StreamT[bytes]], Awaitable[None]]:
    """Wrap an agent so that an error ends the worker; Faust would restart the agent after the failed record."""

    async def agent(stream: StreamT[bytes]) -> None:
        try:
            await run(stream)
        except Exception as error:  # noqa: BLE001 - after any error the record must be delivered again
            await _crash(app, error)

    return agent


async def _crash(app: faust.App, error: Exception) -> None:
    """End the worker; unacknowledged records are delivered again to the workers that take over its partitions."""
    message = "the worker ends after an error; unfinished records will be delivered again"
    log.critical(message, extra={"error": repr(error)}, exc_info=error)
    await app.crash(error)
