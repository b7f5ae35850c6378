"""Buckets: aggregations of a series as the historical API answers them."""

from collections.abc import Sequence
from typing import Any, Final

from api.store.times import NS_PER_S, time_text

_PERCENTILES: Final = {"50-perc": "50", "95-perc": "95", "99-perc": "99"}
_NAMES: Final = {"average": "average", "max": "maximum", "min": "minimum", "median": "median"}


def buckets_document(
    rows: Sequence[Sequence[Any]], functions: Sequence[str], bucket_ns: int, start_ns: int
) -> dict[str, Any]:
    """One series; a row has its time and a number for each function, None where there is none.

    Without buckets there is one, at the start. A column's numbers are ints if all of them are whole.
    """
    whole = [all(_is_whole(row[1 + at]) for row in rows) for at in range(len(functions))]
    times_ns = [row[0] for row in rows] if bucket_ns else [start_ns // NS_PER_S * NS_PER_S] * len(rows)
    return {
        "buckets": [
            {"timestamp": time_text(time_ns), **_values(row[1:], functions, whole)}
            for time_ns, row in zip(times_ns, rows, strict=True)
        ],
        "bucketSize": bucket_ns,
    }


def _values(numbers: Sequence[Any], functions: Sequence[str], whole: Sequence[bool]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    percentiles: dict[str, Any] = {}
    for function, number, is_whole in zip(functions, numbers, whole, strict=True):
        if number is None:
            continue
        value = {"intValue": int(number)} if is_whole else {"floatValue": float(number)}
        if function == "count":
            values["count"] = int(number)
        elif function in _PERCENTILES:
            percentiles[_PERCENTILES[function]] = value
        else:
            values[_NAMES[function]] = value
    return values | ({"percentiles": percentiles} if percentiles else {})


def _is_whole(number: Any) -> bool:  # noqa: ANN401 - as JSON has it
    return number is None or isinstance(number, int)
