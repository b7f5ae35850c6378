"""Logging: one line per record on standard error, as JSON or text, from our own loggers and those of libraries."""

import json
import logging
import os
import re
import sys
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from textwrap import indent
from types import TracebackType
from typing import Final, Literal, TypeAlias, get_args

log = logging.getLogger(__name__)

LogFormat: TypeAlias = Literal["json", "text"]
LOG_FORMATS: Final[tuple[LogFormat, ...]] = get_args(LogFormat)
DEFAULT_LEVEL: Final = "info"

_WORD: Final = re.compile(r"[^\s\"=]+")
_CLIENT_DETAILS: Final = re.compile(
    r"\[[^\]]*#(?:producer|consumer)-\d+\]|\[thrd:[^\]]*\]|\b\d+ ?ms\b|TopicPartition\([^)]*\)"
)
_NOT_FOR_THIS_CLIENT: Final = re.compile(r"CONFWARN .* will be ignored by this (?:consumer|producer) instance")
"""Clients warn about properties of the other kind: `--kafka-config` applies to consumers and producers."""

_STANDARD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object: time, level, logger, message and the fields of `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line without the newline."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD_FIELDS)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Formats a record for people: local time, level, message, the fields of `extra`, logger, then the traceback."""

    _COLOURS: Final = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "1;31"}

    def __init__(self, *, coloured: bool = False) -> None:
        """`coloured` adds escape sequences for terminals."""
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """The line without the newline."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        level = f"{record.levelname:8}"
        colour = self._COLOURS.get(record.levelno) if self._coloured else None
        extra = [f"{name}={_text(value)}" for name, value in vars(record).items() if name not in _STANDARD_FIELDS]
        line = " ".join(
            [
                f"{time}.{record.msecs:03.0f}",
                f"\x1b[{colour}m{level}\x1b[0m" if colour else level,
                record.getMessage(),
                *extra,
                f"[{record.name}]",
            ]
        )
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        return f"{line}\n{indent(traceback, '    ')}" if traceback else line


def _text(value: object) -> str:
    """A value as one word, quoted if it contains spaces, quotes or equals signs."""
    if isinstance(value, dict):
        value = [f"{name}:{each}" for name, each in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(_text(each) for each in value) or "none"
    text = str(value)
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class FaustLifecycleFilter(logging.Filter):
    """Drops Faust's messages about services that start and stop; Faust logs them with the loggers of our modules."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record."""
        return record.levelno > logging.INFO or not str(record.msg).startswith("[^")


class RateLimitFilter(logging.Filter):
    """Logs each message of the client libraries once a minute, and as a warning at most.

    They report an unreachable broker many times a second although they retry by themselves.
    """

    def __init__(self, *loggers: str, every_s: float = 60.0) -> None:
        """Limit these loggers and their children: the same message is logged once in `every_s` seconds."""
        super().__init__()
        self._loggers = loggers
        self._every_s = every_s
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record; messages that differ only in client, partition or duration are the same."""
        if not any(record.name == name or record.name.startswith(f"{name}.") for name in self._loggers):
            return True
        if _NOT_FOR_THIS_CLIENT.search(record.getMessage()):
            return False
        message = _CLIENT_DETAILS.sub("", record.getMessage())
        logged_at = self._logged_at.get(message)
        if logged_at is not None and 0 <= record.created - logged_at < self._every_s:
            return False
        self._logged_at = {text: at for text, at in self._logged_at.items() if record.created - at < self._every_s}
        self._logged_at[message] = record.created
        if record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Level and format of the log."""

    level: str = DEFAULT_LEVEL
    format: LogFormat | None = None  # None: text on a terminal, JSON otherwise

    def with_default_level(self, level: str) -> "LogSettings":
        """The same settings with another default level, for interactive commands; a level set by the user is kept."""
        return replace(self, level=level) if self.level == DEFAULT_LEVEL else self

    def start(self) -> None:
        """Write all loggers, Python warnings and uncaught exceptions of this process to standard error."""
        at_terminal = sys.stderr.isatty()
        log_format = self.format or ("text" if at_terminal else "json")
        coloured = at_terminal and not os.environ.get("NO_COLOR")
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(coloured=coloured))
        handler.addFilter(FaustLifecycleFilter())
        handler.addFilter(RateLimitFilter("librdkafka", "aiokafka", "urllib3"))
        logging.basicConfig(level=self.level.upper(), handlers=[handler], force=True)
        for chatty in ("aiokafka", "faust", "mode", "kubernetes", "urllib3"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_uncaught
        threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    log.critical("uncaught exception ends the process: a bug", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    name = failed.thread.name if failed.thread else ""
    log.critical("uncaught exception ends a thread: a bug", extra={"in_thread": name}, exc_info=failed.exc_value)
