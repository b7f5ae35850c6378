"""Parse `--source` and `--sink`: KEY:URI with options in the query, the format of Heapster's URI flags.

Source: docs/configuration.md, 1.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final
from urllib.parse import SplitResult, unquote_plus, urlsplit

from runtime.errors import ConfigError

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_SCHEMES: Final = frozenset({"http", "https", ""})
_VARIABLE: Final = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class KeyedUri:
    """One value of a URI flag: its key, and its URI or None."""

    flag: str
    key: str
    uri: SplitResult | None

    @property
    def query(self) -> str:
        """The query with the options, still escaped."""
        return self.uri.query if self.uri else ""


def parse_keyed_uri(flag: str, value: str, environ: Mapping[str, str] = os.environ) -> KeyedUri:
    """Parse `KEY[:URI]`; `$VAR` and `${VAR}` in the URI are replaced first, unset variables by an empty string.

    Raises ConfigError: the key is missing, the URI cannot be parsed, or its scheme is neither http nor https.
    """
    key, _, rest = value.partition(":")
    if not key:
        raise ConfigError(
            f"{flag}: missing uri key in {without_secrets(value)!r}: expected KEY or KEY:http://HOST:PORT?OPTION=VALUE"
        )
    if not rest:
        return KeyedUri(flag, key, None)
    expanded = _VARIABLE.sub(lambda found: environ.get(found[1] or found[2] or "", ""), rest)
    if _BAD_ESCAPE.search(expanded):
        raise ConfigError(f"{flag}: {without_secrets(value)!r}: a percent sign must begin an escape such as %20")
    try:
        uri = urlsplit(expanded)
        _ = uri.port
    except ValueError as error:
        raise ConfigError(f"{flag}: {without_secrets(value)!r}: {error}") from None
    if uri.netloc and uri.scheme not in _SCHEMES:
        raise ConfigError(f"{flag}={key}: {uri.scheme}:// is not supported: use http:// or https://")
    return KeyedUri(flag, key, uri)


def without_secrets(value: str) -> str:
    """The URI without options, user and password, which may be secret."""
    shown = re.sub(r"//.*@", "//…@", value.partition("?")[0])
    return f"{shown}?…" if "?" in value else shown


@dataclass(slots=True)
class UriOptions:
    """The options of one URI. Its typed readers raise ConfigError, naming flag, option and value.

    Names are case-sensitive; of a repeated option the first value is used. Call `reject_unknown` after the last read.
    """

    flag: str
    values: Mapping[str, str]
    _read: set[str] = field(default_factory=set)

    @classmethod
    def from_uri(cls, keyed: KeyedUri) -> "UriOptions":
        """Parse the options in the query of a URI."""
        values: dict[str, str] = {}
        for pair in filter(None, keyed.query.split("&")):
            name, _, value = pair.partition("=")
            values.setdefault(unquote_plus(name), unquote_plus(value))
        return cls(f"{keyed.flag}={keyed.key}", values)

    def text(self, name: str, default: str) -> str:
        """The value of an option, any text."""
        self._read.add(name)
        return self.values.get(name, default)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        """The value of an option, one of `choices`; the first is the default."""
        text = self.text(name, choices[0])
        if text not in choices:
            raise ConfigError(f"{self.flag}: failed to parse `{name}` flag - {text!r} is none of {', '.join(choices)}")
        return text

    def boolean(self, name: str, *, default: bool) -> bool:
        """The value of an option, `true` or `false` (also `1 t T TRUE True 0 f F FALSE False`)."""
        text = self.text(name, "true" if default else "false")
        if text not in _TRUE | _FALSE:
            raise ConfigError(f"{self.flag}: the option `{name}`: {text!r} is neither true nor false")
        return text in _TRUE

    def integer(self, name: str, default: int, *, at_least: int | None = None, at_most: int | None = None) -> int:
        """The value of an option, a whole number within the bounds that are set."""
        text = self.text(name, str(default))
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise ConfigError(f"{self.flag}: the option `{name}`: {text!r} is not a whole number")
        number = int(text)
        if at_least is not None and number < at_least:
            raise ConfigError(f"{self.flag}: the option `{name}` can only be {at_least} or more, not {text}")
        if at_most is not None and number > at_most:
            raise ConfigError(f"{self.flag}: the option `{name}` can only be {at_most} or less, not {text}")
        return number

    def reject_unknown(self, *without_effect: str) -> tuple[str, ...]:
        """Check that every option was read; return those of `without_effect` that are set, sorted.

        Raises:
            ConfigError: an option is unknown; the message suggests the most similar one.
        """
        known = self._read.union(without_effect)
        for name in self.values:
            if name not in known:
                raise ConfigError(f"{self.flag}: unknown option `{name}`: {hint(name, known)}")
        return tuple(sorted(set(self.values) - self._read))


def hint(name: str, known: Iterable[str]) -> str:
    """The end of an error message about a wrong name: the most similar known name, or all known names."""
    spelt = {each.lower(): each for each in known}
    nearest = get_close_matches(name.lower(), spelt, n=1)
    if nearest:
        return f"did you mean `{spelt[nearest[0]]}`?"
    return f"use one of {', '.join(sorted(spelt.values()))}" if spelt else "no options are supported"
