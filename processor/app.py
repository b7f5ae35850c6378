"""The wiring: Kafka's topics and tables to the two agents, and the loop that makes their results durable."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import faust
from faust.types import StreamT
from faust.types.transports import ConsumerT

from processor.assignment import Assignment, Position
from processor.broker import broker_credentials, broker_options
from processor.config import ProcessorConfig
from processor.consumer import OrderedConsumer
from processor.faust_output import FaustOutput, raw_topic
from processor.group_agent import GroupAgent, total_offset
from processor.node_agent import NodeAgent, sample_offset
from processor.standing import Standing
from processor.watchdog import LOOK_EVERY_S, Place, Watchdog
from processor.windows import WindowTable
from runtime.errors import ConfigError, UnavailableError
from runtime.health import Health
from runtime.kafka import HEARTBEAT_S, SESSION_TIMEOUT_S
from runtime.reader import Reader
from schemas.topics import MAX_RECORD_BYTES, Topic

log = logging.getLogger(__name__)

NODE_FLUSH_S: Final = 1.0
GROUP_FLUSH_S: Final = 0.5
COMMIT_INTERVAL_S: Final = 1.0
METADATA_MAX_AGE_MS: Final = 5_000
"""A broker that lags may not know a changelog yet: soon it does."""

MOST_BUFFERED: Final = 50
"""Records read ahead at once; a scrape may be 1.5 MB."""

PARTITION_FETCH_BYTES: Final = 1024 * 1024
"""Fetched at once of one partition; a greater record still passes. What was fetched of one is read before the next has
its turn: more would have the totals of groups wait behind a long stretch of scrapes."""


class StalledError(RuntimeError):
    """This worker has stopped without saying so, and Kafka answers: another one is to take over."""


class App(faust.App):
    """A Faust application without state on disk: tables live in memory and in their changelogs."""

    early: Callable[[], Awaitable[None]]
    """A task that does not wait for the tables to be restored, as those of Faust do."""

    def _create_directories(self) -> None:
        """None are needed."""

    async def on_started(self) -> None:
        """Start the early task, then restore the tables and start the others."""
        self.add_future(self.early())
        await super().on_started()

    def _new_consumer(self) -> ConsumerT:
        """One that keeps the order of records."""
        return OrderedConsumer(
            self.transport,
            callback=self.topics.on_message,
            on_partitions_revoked=self._on_partitions_revoked,
            on_partitions_assigned=self._on_partitions_assigned,
            beacon=self.beacon,
        )


def build(config: ProcessorConfig, partitions: Mapping[str, int], health: Health) -> tuple[App, "Processor"]:
    """The application and its agents; `partitions` are those of the topics, by name."""
    stats, sums = config.topics.kubelet_stats, config.topics.group_sums
    options: Any = broker_options(config.kafka)  # by name: each has a type of its own
    app = App(
        config.group,
        broker=[f"kafka://{broker}" for broker in config.kafka.brokers.split(",")],
        store="memory://",
        web_enabled=False,
        table_standby_replicas=0,
        topic_partitions=partitions[sums.name],
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_buffer_maxsize=MOST_BUFFERED,
        broker_max_poll_records=MOST_BUFFERED,
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_commit_interval=COMMIT_INTERVAL_S,
        consumer_max_fetch_size=PARTITION_FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        producer_acks=-1,
        producer_max_request_size=MAX_RECORD_BYTES,
        broker_credentials=broker_credentials(config.kafka),
        **options,
    )
    samples = _table(app, "samples", partitions[stats.name], sample_offset)
    groups = _table(app, "groups", partitions[sums.name], total_offset)
    output = FaustOutput(app, config, partitions[sums.name])
    nodes = NodeAgent(samples=samples, output=output, rules=config.rules, span=config.span, extended=config.extended)
    group_agent = GroupAgent(
        groups=groups,
        output=output,
        sources=partitions[stats.name],
        span=config.span,
        session_s=SESSION_TIMEOUT_S,
        clock_s=time.monotonic,
    )
    app.agent(raw_topic(app, stats), name="node-metrics")(_ending_the_worker(app, nodes.run))
    app.agent(raw_topic(app, sums), name="group-metrics")(_ending_the_worker(app, group_agent.run))
    processor = Processor(app, config, nodes, group_agent)
    app.early = Standing(app, processor.lag, health).run
    app.task(processor.flush_nodes)
    app.task(processor.flush_groups)
    app.task(processor.watch)
    return app, processor


class Processor:
    """The loops beside the agents: what they made becomes durable here, and a silent stop is noticed."""

    def __init__(self, app: App, config: ProcessorConfig, nodes: NodeAgent, groups: GroupAgent) -> None:
        """The agents of one application."""
        self._app = app
        self._config = config
        self._nodes = nodes
        self._groups = groups
        self._watchdog = Watchdog()

    async def flush_nodes(self) -> None:
        """Every second, or sooner when many records wait."""

        async def flush() -> None:
            await self._nodes.deliveries.until_crowded(NODE_FLUSH_S)
            if self._settled():
                await self._nodes.flush(self._assignment(self._config.topics.kubelet_stats), time.monotonic())

        await self._forever(flush)

    async def flush_groups(self) -> None:
        """Twice a second, or sooner when many totals wait."""

        async def flush() -> None:
            await self._groups.deliveries.until_crowded(GROUP_FLUSH_S)
            if self._settled():
                await self._groups.flush(self._assignment(self._config.topics.group_sums))

        await self._forever(flush)

    async def _forever(self, step: Callable[[], Awaitable[None]]) -> None:
        while not self._app.should_stop:
            try:
                await step()
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

    def _positions(self) -> dict[Place, tuple[int, int]]:
        """The next offset and the end of each partition of which both are known."""
        return {
            (topic.name, partition): (reached, position.end_offset)
            for topic, agent in self._sources()
            for partition, position in self._assignment(topic).positions.items()
            if (reached := agent.position(partition)) is not None and position.end_offset is not None
        }

    def _kafka_answers(self) -> bool:
        try:
            with Reader(self._config.kafka, f"{self._config.group}-watchdog") as reader:
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


def _ending_the_worker(
    app: App, run: Callable[[StreamT[bytes]], Awaitable[None]]
) -> Callable[[StreamT[bytes]], Awaitable[None]]:
    """An agent that raises ends the worker. Faust would start it again, behind the record that it raised at."""

    async def agent(stream: StreamT[bytes]) -> None:
        try:
            await run(stream)
        except Exception as error:  # noqa: BLE001 - whatever it is, the record is to be delivered again
            await _crash(app, error)

    return agent


async def _crash(app: App, error: Exception) -> None:
    """End the worker: what was not acknowledged is delivered again, to whoever starts next."""
    log.critical(
        "the worker ends: what it has not finished will be done again", extra={"error": repr(error)}, exc_info=error
    )
    await app.crash(error)


def _table(app: App, name: str, partitions: int, row_offset: Callable[[bytes], int]) -> WindowTable:
    table = WindowTable(
        app,
        name=name,
        partitions=partitions,
        row_offset=row_offset,
        beacon=app.tables.beacon,
    )
    app.tables.add(table)
    return table
