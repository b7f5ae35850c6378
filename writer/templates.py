"""Templates: the lines of one combination of metrics, but for tags and numbers; made once, filled in many times."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, cast

from schemas.catalogue import RATED_COUNTERS, Number
from writer.protocol import Problem, Problems, cleaned, escaped, real

_VALUE: Final = "value"
_NAMES_KEPT: Final = 4096  # names that metrics of the catalogue and applications have, many times over
_TEMPLATES_KEPT: Final = 1024


class Name(NamedTuple):
    """What a metric is called in a line, escaped."""

    measurement: str
    field: str
    problems: tuple[Problem, ...]


class Template(NamedTuple):
    """The lines of one set of metrics but for tags and numbers."""

    form: str  # with a place for each number, and `mark` where the tags stand
    mark: str
    points: int  # lines
    numbers: Callable[[Mapping[str, Number]], tuple[Any, ...]]  # as they are put in
    problems: tuple[Problem, ...]
    longest_bytes: int  # of its measurements


def is_wanted(metric: str, *, counters_with_rates: bool) -> bool:
    """Whether a metric is written at all."""
    return counters_with_rates or metric not in RATED_COUNTERS


@lru_cache(maxsize=_TEMPLATES_KEPT)
def template_of(
    metrics: tuple[str, ...],
    types: tuple[type, ...],
    time_ns: int,
    with_fields: bool,  # noqa: FBT001 - as a key of the cache
    counters_with_rates: bool,  # noqa: FBT001
) -> Template:
    """The template of metrics, of those types and in that order, in lines of that time."""
    kinds = dict(zip(metrics, types, strict=True))
    wanted = [metric for metric in metrics if is_wanted(metric, counters_with_rates=counters_with_rates)]
    names = {metric: name_of(metric, with_fields=with_fields) for metric in wanted}
    in_lines = _by_line(names, with_fields=with_fields)
    mark = _mark("".join(name.measurement + name.field for name in names.values()))
    form = "".join(
        _literally(names[line[0]].measurement)
        + f"{mark} {','.join(f'{_literally(names[each].field)}={_place(kinds[each])}' for each in line)} {time_ns}\n"
        for line in in_lines
    )
    in_order = [metric for line in in_lines for metric in line]
    return Template(
        form=form,
        mark=mark,
        points=len(in_lines),
        numbers=_numbers(in_order, [at for at, metric in enumerate(in_order) if issubclass(kinds[metric], float)]),
        problems=tuple(problem for name in names.values() for problem in name.problems),
        longest_bytes=max((len(name.measurement.encode()) for name in names.values()), default=0),
    )


def _mark(text: str) -> str:
    """A character that a text does not have: NUL, but for the oddest names."""
    return next(mark for mark in map(chr, range(0x10FFFF)) if mark not in text and mark not in "\n%")


def _by_line(names: Mapping[str, Name], *, with_fields: bool) -> list[list[str]]:
    """The metrics of each line. Two that have become one field stay apart: the later one counts."""
    if not with_fields:
        return [[metric] for metric in names]
    begun: dict[str, dict[str, str]] = {}  # by measurement, metrics by field
    lines: list[dict[str, str]] = []
    for metric, name in names.items():
        line = begun.get(name.measurement)
        if line is None or name.field in line:
            line = begun[name.measurement] = {}
            lines.append(line)
        line[name.field] = metric
    return [list(line.values()) for line in lines]


def _place(kind: type) -> str:
    return "%s" if issubclass(kind, float) else "%di"


def _numbers(metrics: list[str], floats: list[int]) -> Callable[[Mapping[str, Number]], tuple[Any, ...]]:
    """These metrics' values for their places; `floats` are the places of texts."""
    if len(metrics) > 1 and not floats:
        return cast("Callable[[Mapping[str, Number]], tuple[Any, ...]]", itemgetter(*metrics))

    def numbers(values: Mapping[str, Number]) -> tuple[Any, ...]:
        found: list[Any] = [values[metric] for metric in metrics]
        for at in floats:
            found[at] = real(found[at])
        return tuple(found)

    return numbers


def _literally(text: str) -> str:
    return text.replace("%", "%%")


@lru_cache(maxsize=_NAMES_KEPT)
def name_of(metric: str, *, with_fields: bool) -> Name:
    """Measurement and field key, escaped: with fields, what stands before and after the first slash."""
    problems = Problems()
    measurement, slash, field = metric.partition("/")
    if not (with_fields and slash):
        measurement, field = metric, _VALUE
    return Name(
        cleaned(measurement, problems).replace(",", r"\,").replace(" ", r"\ "),
        escaped(cleaned(field, problems)).replace('"', r"\""),
        tuple(problems.elements()),
    )
