"""Logs: a line each on standard error, JSON or text, from our own loggers and the libraries' alike."""

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
_WHICH_CLIENT: Final = re.compile(
    r"\[[^\]]*#(?:producer|consumer)-\d+\]|\[thrd:[^\]]*\]|\b\d+ ?ms\b|TopicPartition\([^)]*\)"
)
_NOT_FOR_THIS_CLIENT: Final = re.compile(r"CONFWARN .* will be ignored by this (?:consumer|producer) instance")
"""`--kafka-config` is given once, for consumers and producers alike."""

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


class TextFormatter(logging.Formatter):
    """A record as a line for people: local time, level, message, what `extra` brought, logger; tracebacks below."""

    _COLOURS: Final = {logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "1;31"}

    def __init__(self, *, coloured: bool = False) -> None:
        """`coloured` is for terminals."""
        super().__init__()
        self._coloured = coloured

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        level = f"{record.levelname:8}"
        colour = self._COLOURS.get(record.levelno) if self._coloured else None
        extra = [f"{name}={_text(value)}" for name, value in vars(record).items() if name not in _STANDARD]
        line = " ".join(
            [
                f"{time}.{record.msecs:03.0f}",
                f"\x1b[{colour}m{level}\x1b[0m" if colour else level,
                record.getMessage(),
                *extra,
                f"[{record.name}]",
            ]
        )
        trouble = self.formatException(record.exc_info) if record.exc_info else ""
        return f"{line}\n{indent(trouble, '    ')}" if trouble else line


def _text(value: object) -> str:
    """A value as one word: in quotes where it would not be one."""
    if isinstance(value, dict):
        value = [f"{name}:{each}" for name, each in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return ",".join(_text(each) for each in value) or "none"
    text = str(value)
    return text if _WORD.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class FaustLifecycleFilter(logging.Filter):
    """Leaves out that a part of Faust starts or stops, under the logger of whichever class of ours is such a part."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it may pass."""
        return record.levelno > logging.INFO or not str(record.msg).startswith("[^")


class RateLimitFilter(logging.Filter):
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
        """Whether it may pass; which client, which partition and how many milliseconds make no other message."""
        if not any(record.name == name or record.name.startswith(f"{name}.") for name in self._loggers):
            return True
        if _NOT_FOR_THIS_CLIENT.search(record.getMessage()):
            return False
        message = _WHICH_CLIENT.sub("", record.getMessage())
        told_at = self._told_at.get(message)
        if told_at is not None and 0 <= record.created - told_at < self._every_s:
            return False
        self._told_at = {text: at for text, at in self._told_at.items() if record.created - at < self._every_s}
        self._told_at[message] = record.created
        if record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return True


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How much is told, and in which form."""

    level: str = DEFAULT_LEVEL
    form: LogFormat | None = None  # None: text for a person at a terminal, JSON for whatever else reads it

    def with_default_level(self, level: str) -> "LogSettings":
        """So little, unless another level than the default was asked for: for commands that speak to a person."""
        return replace(self, level=level) if self.level == DEFAULT_LEVEL else self

    def start(self) -> None:
        """Send every logger of the process, warnings of Python's and what ends it to standard error."""
        at_terminal = sys.stderr.isatty()
        form = self.form or ("text" if at_terminal else "json")
        coloured = at_terminal and not os.environ.get("NO_COLOR")
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter(coloured=coloured))
        handler.addFilter(FaustLifecycleFilter())
        handler.addFilter(RateLimitFilter("librdkafka", "aiokafka", "urllib3"))
        logging.basicConfig(level=self.level.upper(), handlers=[handler], force=True)
        for chatty in ("aiokafka", "faust", "mode", "kubernetes", "urllib3"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        logging.captureWarnings(capture=True)
        sys.excepthook = _tell_bug
        threading.excepthook = _tell_bug_in_thread


def _tell_bug(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    log.critical("a bug ends the process", exc_info=(kind, error, traceback))


def _tell_bug_in_thread(failed: threading.ExceptHookArgs) -> None:
    name = failed.thread.name if failed.thread else ""
    log.critical("a thread has died: a bug", extra={"in_thread": name}, exc_info=failed.exc_value)
