"""The Faust application: wires topics, tables, agents and background loops."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import faust
from faust.types import TopicT
from faust.types.transports import ConsumerT

from processor.agents.broker_settings import broker_credentials, broker_options
from processor.agents.changelog_table import WindowTable
from processor.agents.consumer import OrderedConsumer
from processor.agents.flush_loops import FlushLoops, crash_on_error
from processor.agents.group_agent import GroupAgent, total_offset
from processor.agents.node_agent import NodeAgent, sample_offset
from processor.agents.output import FaustOutput
from processor.agents.readiness import Readiness
from processor.config import ProcessorConfig
from runtime.health import Health
from runtime.kafka import HEARTBEAT_S, SESSION_TIMEOUT_S
from schemas.topics import MAX_RECORD_BYTES, Topic

COMMIT_INTERVAL_S: Final = 1.0
METADATA_MAX_AGE_MS: Final = 5_000
"""Short, because a broker may learn of a newly created changelog late."""

MAX_BUFFERED_RECORDS: Final = 50
"""Records read ahead at once; a scrape can have 1.5 MB."""

PARTITION_FETCH_BYTES: Final = 1024 * 1024
"""Fetch size for one partition; larger records are still read. All that is fetched of one partition is processed before
the next partition: with a larger size, group totals would wait behind many scrapes."""

PRODUCED_BATCH_BYTES: Final = 512 * 1024
"""Before compression; several records compressed together take less space and CPU time."""


class App(faust.App):
    """A Faust application without state on disk: tables are in memory and in their changelogs."""

    early_task: Callable[[], Awaitable[None]]
    """A task that starts before the tables are recovered; Faust's tasks start afterwards."""

    def _create_directories(self) -> None:
        """Create no directories: there is no state on disk."""

    async def on_started(self) -> None:
        """Start the early task, then recover the tables and start the other tasks."""
        self.add_future(self.early_task())
        await super().on_started()

    def _new_consumer(self) -> ConsumerT:
        """Create the consumer that keeps records in order."""
        return OrderedConsumer(
            self.transport,
            callback=self.topics.on_message,
            on_partitions_revoked=self._on_partitions_revoked,
            on_partitions_assigned=self._on_partitions_assigned,
            beacon=self.beacon,
        )


def build(config: ProcessorConfig, partitions: Mapping[str, int], health: Health) -> App:
    """Build the application and its agents; `partitions` holds the number of partitions by topic name."""
    stats, sums = config.topics.kubelet_stats, config.topics.group_sums
    options: Any = broker_options(config.kafka)  # Any: the options have different types
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
        stream_buffer_maxsize=MAX_BUFFERED_RECORDS,
        broker_max_poll_records=MAX_BUFFERED_RECORDS,
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
        source_partitions=partitions[stats.name],
        span=config.span,
        session_timeout_s=SESSION_TIMEOUT_S,
        clock_s=time.monotonic,
    )
    app.agent(_raw_topic(app, stats), name="node-metrics")(crash_on_error(app, nodes.run))
    app.agent(_raw_topic(app, sums), name="group-metrics")(crash_on_error(app, group_agent.run))
    loops = FlushLoops(app, config, nodes, group_agent)
    app.early_task = Readiness(app, loops.lag, health).run
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


def _raw_topic(app: App, topic: Topic) -> TopicT:
    """A topic whose keys and values are bytes, without decoding."""
    return app.topic(
        topic.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", allow_empty=True
    )
