"""Configuration of a replay."""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.config import ProcessorConfig
from replay.history import Offsets
from replay.time_range import TimeRange
from runtime.logs import LogSettings
from writer.pipeline.sink_worker import WriterConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Time range, offsets to read, settings of the workers, and sinks of a replay."""

    time_range: TimeRange
    processor: ProcessorConfig
    writer: WriterConfig
    sinks: tuple[str, ...]  # values of --sink
    sink_names: Sequence[str]
    offsets: Offsets
    logs: LogSettings

    @property
    def writer_groups(self) -> list[str]:
        """The consumer group of each sink."""
        return [self.writer.group_prefix + name for name in self.sink_names]
