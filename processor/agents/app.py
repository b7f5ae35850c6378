"""The wiring: Kafka's topics and tables to the two agents, and these to the loops beside them."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import faust
from faust.types.transports import ConsumerT

from processor.agents.broker_settings import broker_credentials, broker_options
from processor.agents.changelog_table import WindowTable
from processor.agents.consumer import OrderedConsumer
from processor.agents.faust_output import FaustOutput, raw_topic
from processor.agents.flush_loops import FlushLoops, ending_the_worker
from processor.agents.group_agent import GroupAgent, total_offset
from processor.agents.node_agent import NodeAgent, sample_offset
from processor.agents.readiness import Readiness
from processor.config import ProcessorConfig
from runtime.health import Health
from runtime.kafka import HEARTBEAT_S, SESSION_TIMEOUT_S
from schemas.topics import MAX_RECORD_BYTES

COMMIT_INTERVAL_S: Final = 1.0
METADATA_MAX_AGE_MS: Final = 5_000
"""A broker that lags may not know a changelog yet: soon it does."""

MOST_BUFFERED: Final = 50
"""Records read ahead at once; a scrape may be 1.5 MB."""

PARTITION_FETCH_BYTES: Final = 1024 * 1024
"""Fetched at once of one partition; a greater record still passes. What was fetched of one is read before the next has
its turn: more would have the totals of groups wait behind a long stretch of scrapes."""

PRODUCED_BATCH_BYTES: Final = 512 * 1024
"""Before compression; some records together are smaller, and cost less, than each alone."""


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


def build(config: ProcessorConfig, partitions: Mapping[str, int], health: Health) -> App:
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
        producer_max_batch_size=PRODUCED_BATCH_BYTES,
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
    app.agent(raw_topic(app, stats), name="node-metrics")(ending_the_worker(app, nodes.run))
    app.agent(raw_topic(app, sums), name="group-metrics")(ending_the_worker(app, group_agent.run))
    loops = FlushLoops(app, config, nodes, group_agent)
    app.early = Readiness(app, loops.lag, health).run
    app.task(loops.flush_nodes)
    app.task(loops.flush_groups)
    app.task(loops.watch)
    return app


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
