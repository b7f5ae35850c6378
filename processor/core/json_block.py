"""Typed access to the kubelet's JSON: a field that cannot be read is dropped and counted, the node is kept.

The rules are those of Go, in which kubelets and Heapster are written: field names match in any case, null means absent.
Where Go rejects the whole document because of one invalid number or time, only that field is dropped.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from processor.core.problems import Problem, Problems
from processor.core.timestamps import parse_time_ns
from schemas.catalogue import MAX_INT
from schemas.codec import UndecodableError
from schemas.kubelet_json import parse_json

JsonObject: TypeAlias = Mapping[str, object]

_NOTHING: Final[JsonObject] = {}
_CACHED_NAME_TUPLES: Final = 4096  # of objects; a kubelet has a few dozen different ones


def parse_document(data: bytes, problems: Problems) -> JsonObject:
    """Return the document's top-level object; `null` is an empty one.

    Raises:
        UndecodableError: the document is not a JSON object.
    """
    try:
        document, valid = parse_json(data)
    except ValueError as error:
        raise UndecodableError(f"kubelet document: {error}") from error
    if not valid:
        problems[Problem.LENIENT_JSON] += 1
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UndecodableError(f"kubelet document: expected a JSON object, got {_kind(document)}")
    return document


class Block:
    """One JSON object; a missing object reads as empty. Fields that cannot be read are counted in `problems`."""

    __slots__ = ("_fields", "_problems")

    def __init__(self, fields: JsonObject, problems: Problems) -> None:
        """Wrap the object's fields."""
        self._fields = fields
        self._problems = problems

    def number(self, name: str, missing: int | None = None) -> int | None:
        """An integer from 0 to 2^63 - 1; `missing` if the field is absent, None if it cannot be read."""
        value = self._value(name)
        if value is None:
            return missing
        if type(value) is int and 0 <= value <= MAX_INT:
            return value
        self._problems[_number_problem(value)] += 1
        return None

    def numbers(self, names: Mapping[str, str], missing: int | None = None) -> dict[str, int]:
        """The numbers of several fields (metric -> JSON field), by metric; absent and unreadable ones are left out.

        Most of a document is read here, so a valid value saves the call of `number`.
        """
        found: dict[str, int] = {}
        fields = self._fields
        for metric, name in names.items():
            value: object = fields.get(name)
            if type(value) is int and 0 <= value <= MAX_INT:
                found[metric] = value
            elif (read := self.number(name, missing)) is not None:
                found[metric] = read
        return found

    def real(self, name: str) -> float | None:
        """A finite number; None if absent or unreadable."""
        value = self._value(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        self._problems[Problem.NOT_A_NUMBER] += 1
        return None

    def time_ns(self, name: str) -> int | None:
        """A time in nanoseconds since the epoch; None if absent, unreadable or Go's zero time."""
        value = self._value(name)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                return parse_time_ns(value)
            except ValueError:
                pass  # counted below, like values that are not strings
        self._problems[Problem.UNREADABLE_TIME] += 1
        return None

    def text(self, name: str) -> str:
        """A string; empty if absent or unreadable."""
        value = self._value(name)
        if isinstance(value, str):
            return value if value.isascii() else _replace_lone_surrogates(value)
        if value is not None:
            self._problems[Problem.MALFORMED] += 1
        return ""

    def block(self, name: str) -> "Block":
        """A nested object; empty if absent or unreadable."""
        return self._block(self._value(name))

    def blocks(self, name: str) -> list["Block"]:
        """The objects of a nested list; an empty list if absent or unreadable."""
        values = self._value(name)
        if isinstance(values, list):
            return [self._block(value) for value in values]
        if values is not None:
            self._problems[Problem.MALFORMED] += 1
        return []

    def _block(self, value: object) -> "Block":
        if isinstance(value, dict):
            return Block(value, self._problems)
        if value is not None:
            self._problems[Problem.MALFORMED] += 1
        return Block(_NOTHING, self._problems)

    def _value(self, name: str) -> object:
        value = self._fields.get(name)
        if value is not None:
            return value
        for other in _same_but_case(tuple(self._fields), name):
            return self._fields[other]
        return None


@lru_cache(maxsize=_CACHED_NAME_TUPLES)
def _same_but_case(names: tuple[str, ...], wanted: str) -> tuple[str, ...]:
    """The names that equal the wanted one in any case."""
    lower = wanted.lower()
    return tuple(name for name in names if len(name) == len(wanted) and name.lower() == lower)


def _number_problem(value: object) -> Problem:
    if isinstance(value, int) and not isinstance(value, bool):
        return Problem.NEGATIVE if value < 0 else Problem.PAST_64_BITS
    if isinstance(value, float) and abs(value) > MAX_INT:
        return Problem.PAST_64_BITS  # the parsers return an integer of more than 64 bits as a float
    return Problem.NOT_A_WHOLE_NUMBER


def _replace_lone_surrogates(text: str) -> str:
    """The text with halves of surrogate pairs, which UTF-8 cannot encode, replaced by U+FFFD as in Go."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", bool: "a boolean"}.get(type(value), "a number")
