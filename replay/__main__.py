"""`heapster-stream replay`: process a time range of kubelet-stats again."""

import sys
import time
from contextlib import nullcontext

import click

from processor.__main__ import label_rules
from processor.config import GROUP, ProcessorConfig
from processor.state.assignment import Span
from replay.history import History
from replay.plan import Plan
from replay.run import print_status, run
from replay.suffix import checked_suffix
from replay.time_range import TimeRange, parse_time
from runtime import flags
from runtime.errors import ConfigError
from runtime.health import Health
from runtime.kafka import KafkaSettings
from runtime.logs import LogSettings
from runtime.metrics import serve_metrics
from runtime.shutdown import exit_on_ctrl_c
from schemas.topics import replay_topics
from writer.__main__ import build as build_sinks
from writer.pipeline.sink_worker import GROUP_PREFIX, WriterConfig


@click.command("replay", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.flag("--from", "from_", required=True, metavar="TIME", help="First window end, such as 2026-01-01T00:00:00Z.")
@flags.flag("--to", required=True, metavar="TIME", help="Last window end, such as 2026-01-02T00:00:00Z.")
@flags.flag(
    "--topic-suffix",
    help="Suffix of the replay's topics and consumer groups; workers with the same suffix share a replay.",
    show_default="made from --from and --to",
)
@click.option(
    "--sink",
    multiple=True,
    metavar="KEY[:URI]",
    help="Sink to write the result to, as for the writer; repeatable. Not read from the environment, which may contain"
    " the live writer's sink. Without a sink, the result stays in the topic derived-metrics<suffix>.",
)
@flags.label_flags
@flags.extended_metrics
@click.option(
    "--metrics-port",
    type=flags.WholeNumber(0, 65535),
    help="Port of /metrics (Prometheus), /healthz and /readyz of this replay; 0 is any free port, which is printed. Not"
    " read from the environment, which may contain a live service's port. Without a port, nothing is served.",
)
@flags.metrics_ip
@flags.log_flags
def replay(  # noqa: PLR0913 - one parameter per flag
    *,
    kafka: KafkaSettings,
    from_: str,
    to: str,
    topic_suffix: str | None,
    sink: tuple[str, ...],
    label_separator: str,
    store_label: tuple[str, ...],
    ignore_label: tuple[str, ...],
    extended_metrics: bool,
    metrics_port: int | None,
    metrics_ip: str,
    logs: LogSettings,
) -> None:
    """Process a time range of kubelet-stats again, as fast as possible; the live pipeline is not affected.

    The result equals that of the live pipeline, point by point. You can start several workers: those with the same
    suffix share the replay, and a restarted worker continues where it stopped.
    """
    logs = logs.with_default_level("warning")
    logs.start()
    exit_on_ctrl_c()  # until the replay starts
    time_range = _time_range(from_, to)
    rules = label_rules(label_separator, store_label, ignore_label)
    sink_names = [each.name for each in build_sinks(sink)]
    suffix = _suffix("--topic-suffix", topic_suffix) if topic_suffix else time_range.suffix
    topics = replay_topics(suffix, kafka.prefix)
    history = History(kafka, topics.kubelet_stats.name)
    print_status(f"Looking up the time range in the topic {topics.kubelet_stats.name} …")
    offsets = history.offsets(time_range)
    span = Span(from_ns=time_range.from_ns, to_ns=time_range.to_ns, end_offsets=offsets.end)
    plan = Plan(
        time_range=time_range,
        processor=ProcessorConfig(
            kafka=kafka,
            rules=rules,
            group=kafka.prefixed(GROUP) + suffix,
            topics=topics,
            span=span,
            extended=extended_metrics,
        ),
        writer=WriterConfig(
            kafka=kafka,
            source=topics.derived_metrics,
            dead_letter=topics.derived_metrics_dead_letter,
            group_prefix=f"{kafka.prefixed(GROUP_PREFIX).rstrip('-')}{suffix}-",
        ),
        sinks=sink,
        sink_names=sink_names,
        offsets=offsets,
        logs=logs,
    )
    health = Health(time.monotonic)
    with nullcontext() if metrics_port is None else serve_metrics(metrics_ip, metrics_port, health) as url:
        if url:
            print_status(f"Progress is served at {url}.")
        sys.exit(run(plan, history, health))


def _suffix(flag: str, text: str) -> str:
    try:
        return checked_suffix(text)
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from error


def _time_range(from_: str, to: str) -> TimeRange:
    first_ns, last_ns = _time("--from", from_), _time("--to", to)
    try:
        return TimeRange(first_ns, last_ns)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _time(flag: str, text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from error


if __name__ == "__main__":
    flags.run(replay)
