"""Command-line flags, each also an environment variable; an error is one line and exit status 2.

option: one flag · types: types of values · shared: flags of several services · program: run a command
"""

from runtime.flags.option import CONTEXT, flag, misspelt_variables
from runtime.flags.program import PROGRAM, run
from runtime.flags.shared import (
    extended_metrics,
    kafka_flags,
    label_flags,
    log_flags,
    metrics_flags,
    metrics_ip,
    topic_flags,
)
from runtime.flags.types import Brokers, Duration, WholeNumber

__all__ = [
    "CONTEXT",
    "PROGRAM",
    "Brokers",
    "Duration",
    "WholeNumber",
    "extended_metrics",
    "flag",
    "kafka_flags",
    "label_flags",
    "log_flags",
    "metrics_flags",
    "metrics_ip",
    "misspelt_variables",
    "run",
    "topic_flags",
]
