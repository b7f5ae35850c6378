"""Logs: one JSON object a line on standard error, for our own loggers and the libraries' alike."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as a JSON object: time, level, logger, message, and whatever `extra` brought."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class Seldom(logging.Filter):
    """Lets a message of Kafka's clients pass once a minute, and as a warning at most.

    They say many times a second that a broker is away, though they go on trying by themselves.
    """

    def __init__(self, *loggers: str, every_s: float = 60.0) -> None:
        """These loggers and those below them; how long a message that has passed keeps the same one from passing."""
        super().__init__()
        self._loggers = loggers
        self._every_s = every_s
        self._told_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it may pass; messages that differ in a number of milliseconds only are the same."""
        if not any(record.name == name or record.name.startswith(f"{name}.") for name in self._loggers):
            return True
        message = re.sub(r"\b\d+ ?ms\b", "", record.getMessage())
        told_at = self._told_at.get(message)
        if told_at is not None and 0 <= record.created - told_at < self._every_s:
            return False
        self._told_at = {text: at for text, at in self._told_at.items() if record.created - at < self._every_s}
        self._told_at[message] = record.created
        if record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True


def start_logging(level: str = "INFO") -> None:
    """Send every logger of the process to standard error, a JSON line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Seldom("librdkafka", "aiokafka"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("aiokafka", "faust", "mode", "kubernetes", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
