"""The first word with a sink: what it does not like is told at the start, not with the first points."""

import threading
from typing import Final

from runtime.errors import UnavailableError
from writer.pipeline.outage_log import OutageLog
from writer.sinks.sink import Sink

_AGAIN_AFTER_S: Final = 10.0


def check_sink(sink: Sink, outage: OutageLog, stopped: threading.Event) -> None:
    """Have the sink ready, and tell while it is not, as for a wrong password; returns once it is."""
    while not stopped.is_set():
        try:
            sink.prepare()
        except UnavailableError as error:
            outage.failed(error)
            stopped.wait(max(_AGAIN_AFTER_S, error.retry_after_s or 0.0))
        else:
            outage.over()
            return
