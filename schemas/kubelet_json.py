"""Parse a kubelet's JSON, also if it is slightly invalid; scraper and processor both use it."""

import json
import math
from typing import Final, NamedTuple

import orjson

_MAX_DIGITS: Final = 20  # of an integer that 64 bits can hold


class Parsed(NamedTuple):
    """A JSON value, and whether the text was valid JSON."""

    value: object
    valid: bool


def parse_json(data: bytes) -> Parsed:
    """Parse JSON; also accept NaN, infinities, integers of any length, invalid UTF-8 and a byte order mark.

    An integer of more than 20 digits becomes infinity.

    Raises:
        ValueError: not JSON even by these rules; the message is that of the strict parser.
    """
    try:
        return Parsed(orjson.loads(data), valid=True)
    except orjson.JSONDecodeError as error:
        try:
            text = data.decode("utf-8-sig", errors="replace")
            return Parsed(json.loads(text, parse_int=_integer), valid=False)
        except (ValueError, RecursionError):
            raise ValueError(f"not JSON: {error}") from error


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else math.inf
