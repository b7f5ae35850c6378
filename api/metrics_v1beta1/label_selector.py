"""Label selectors in the grammar of Kubernetes: `app=web,tier in (a, b),!canary,weight>3`.

Errors are in the words of Kubernetes' own parser (apimachinery, pkg/labels/selector.go).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(r"[ \t\r\n]*(==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+|$)")
_OPERATORS: Final = frozenset({"=", "==", "!=", "in", "notin", ">", "<"})
_SYMBOLS: Final = frozenset({"=", "==", "!=", "!", "(", ")", ",", "<", ">"})
_NAME: Final = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_KEY: Final = re.compile(
    rf"(?=[^/]{{1,253}}/|[^/]*$)(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?{_NAME}"
)
_VALUE: Final = re.compile(rf"(?:{_NAME})?")
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


class Requirement(NamedTuple):
    """One of the things that a selector asks for."""

    key: str
    operator: str  # =, !=, in, notin, exists, !, >, <
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        return _MATCHES[self.operator](labels.get(self.key), self.values)


@dataclass(frozen=True, slots=True)
class Selector:
    """What it asks for must all be so; one that asks for nothing takes everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        return all(requirement.matches(labels) for requirement in self.requirements)


def parse_selector(text: str) -> Selector:
    """Raises ValueError: it is not one; the message says what was found, and what expected."""
    parser = _Parser(text)
    requirements: list[Requirement] = []
    while parser.next != "":
        if parser.next in _SYMBOLS and parser.next != "!":
            raise ValueError(f"found '{parser.next}', expected: !, identifier, or 'end of string'")
        try:
            requirements.append(parser.requirement())
        except ValueError as error:
            raise ValueError(f"unable to parse requirement: {error}") from None
        if parser.next not in {"", ","}:
            raise ValueError(f"found '{parser.next}', expected: ',' or 'end of string'")
        if parser.take() == "," and (parser.next == "" or (parser.next in _SYMBOLS and parser.next != "!")):
            raise ValueError(f"found '{parser.next}', expected: identifier after ','")
    return Selector(tuple(requirements))


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = [found[1] for found in _TOKEN.finditer(text)] + [""]
        self._at = 0

    @property
    def next(self) -> str:
        """The token to come; empty at the end."""
        return self._tokens[self._at]

    def take(self) -> str:
        """The token, gone past."""
        token = self.next
        self._at += token != ""
        return token

    def requirement(self) -> Requirement:
        absent = self.next == "!"
        if absent:
            self.take()
        key = self.take()
        if key == "" or key in _SYMBOLS:
            raise ValueError(f"found '{key}', expected: identifier")
        if not _KEY.fullmatch(key):
            raise ValueError(f'invalid label key "{key}"')
        if absent or self.next in {"", ","}:
            return Requirement(key, "!" if absent else "exists")
        operator = self.take()
        if operator not in _OPERATORS:
            raise ValueError(f"found '{operator}', expected: '=', '!=', '==', 'in', notin'")
        values = self._values() if operator in {"in", "notin"} else frozenset({self._value()})
        return _checked(Requirement(key, "=" if operator == "==" else operator, values))

    def _value(self) -> str:
        if self.next in {"", ","}:
            return ""
        value = self.take()
        if value in _SYMBOLS:
            raise ValueError(f"found '{value}', expected: identifier")
        return value

    def _values(self) -> frozenset[str]:
        """In parentheses, with commas; nothing between two of those is the empty value."""
        if (opening := self.take()) != "(":
            raise ValueError(f"found '{opening}' expected: '('")
        if self.next == ")":
            raise ValueError("for 'in', 'notin' operators, values set can't be empty")
        values = set()
        while True:
            value = "" if self.next in {",", ")"} else self.take()
            if value in _SYMBOLS:
                raise ValueError(f"found '{value}', expected: ',', or identifier")
            values.add(value)
            separator = self.take()
            if separator == ")":
                return frozenset(values)
            if separator != ",":
                raise ValueError(f"found '{separator}', expected: ',' or ')'")


def _checked(requirement: Requirement) -> Requirement:
    for value in requirement.values:
        if not _VALUE.fullmatch(value):
            raise ValueError(f'invalid label value: "{value}"')
        if requirement.operator in {">", "<"} and _integer(value) is None:
            raise ValueError("for 'Gt', 'Lt' operators, the value must be an integer")
    return requirement


def _integer(text: str) -> int | None:
    number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else None
    return number if number is not None and _MIN_INT <= number <= _MAX_INT else None


def _compared(value: str | None, values: frozenset[str], *, greater: bool) -> bool:
    (wanted,) = (_integer(each) for each in values)
    found = None if value is None else _integer(value)
    if found is None or wanted is None:
        return False
    return found > wanted if greater else found < wanted


_MATCHES: Final[Mapping[str, Callable[[str | None, frozenset[str]], bool]]] = {
    "=": lambda value, values: value in values,
    "in": lambda value, values: value in values,
    "!=": lambda value, values: value not in values,
    "notin": lambda value, values: value not in values,
    "exists": lambda value, _: value is not None,
    "!": lambda value, _: value is None,
    ">": lambda value, values: _compared(value, values, greater=True),
    "<": lambda value, values: _compared(value, values, greater=False),
}
