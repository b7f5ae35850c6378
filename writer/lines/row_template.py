"""Forms: the lines of all rows of one layout, but for tags, numbers and time; made once, filled in many times."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from schemas.rows import RowFormat
from writer.lines.line_protocol import MAX_SERIES_KEY_BYTES, Problems, cleaned, escaped
from writer.lines.measurement_names import by_line, is_wanted, name_of
from writer.lines.point_schema import PointSchema
from writer.lines.tags import CLUSTER_NAME, LEFT_OUT, NAMESPACE_NAME, POD_NAMESPACE, has_pod_namespace

TAGS: Final = "\0"  # stands where the tags are put in
TIME: Final = "\1"
_FORMS_KEPT: Final = 4096
_MOST_BYTES: Final = 4  # of a character in UTF-8

Pick: TypeAlias = Callable[[Sequence[Any]], tuple[Any, ...]]


class RowTemplate(NamedTuple):
    """Of a row with its set's texts, its own and the cluster's name; and with its times, ints and floats."""

    tags: str  # `,name=%s` of each
    each_tag: tuple[str, ...]
    texts: Pick  # for those places
    lines: str  # with a place for each number, TAGS and TIME
    numbers: Pick  # for those places
    points: int
    longest_tags: int  # so many characters are in no series key too many


@lru_cache(maxsize=_FORMS_KEPT)
def row_template(layout: RowFormat, labeled: RowFormat | None, schema: PointSchema) -> RowTemplate | None:
    """The form of a set's own values, or of values labeled so; None if names have to be mended or stand in the way."""
    texts = _tag_places(layout, labeled, schema)
    numbers = _number_places(labeled or layout, schema)
    names = {metric: name_of(metric, with_fields=schema.with_fields) for metric in numbers}
    if not all(map(_is_plain, (*texts, *numbers))) or any(name.problems for name in names.values()):
        return None
    floats = {at for at in numbers.values() if at >= _ints(labeled or layout)}
    lines = by_line(numbers, with_fields=schema.with_fields)
    longest = max((len(name.measurement.encode()) for name in names.values()), default=0)
    in_order = sorted(texts)
    each_tag = tuple(f",{_literally(escaped(name))}=%s" for name in in_order)

    def field(metric: str) -> str:
        return f"{_literally(names[metric].field)}={'%s' if numbers[metric] in floats else '%di'}"

    return RowTemplate(
        tags="".join(each_tag),
        each_tag=each_tag,
        texts=_pick([texts[name] for name in in_order]),
        lines="".join(
            f"{_literally(names[line[0]].measurement)}{TAGS} {','.join(map(field, line))} {TIME}\n" for line in lines
        ),
        numbers=_pick([numbers[metric] for line in lines for metric in line]),
        points=len(lines),
        longest_tags=(MAX_SERIES_KEY_BYTES - longest) // _MOST_BYTES,
    )


def _tag_places(layout: RowFormat, labeled: RowFormat | None, schema: PointSchema) -> dict[str, int]:
    """Where the values of tags stand in a row's texts; own labels go before those of the entity."""
    places = {name: at for at, name in enumerate(layout.labels, start=1)}  # behind the key
    if has_pod_namespace(layout.type, schema.tag_set) and NAMESPACE_NAME in places:
        places[POD_NAMESPACE] = places[NAMESPACE_NAME]
    behind = layout.lengths[0]
    if labeled is not None:
        places.update({name: at for at, name in enumerate(labeled.labels, start=behind)})
        behind += labeled.lengths[0]
    places = {name: at for name, at in places.items() if name not in LEFT_OUT[schema.tag_set]}
    return places | {CLUSTER_NAME: behind}


def _number_places(layout: RowFormat, schema: PointSchema) -> dict[str, int]:
    """Where the values of wanted metrics stand in a row's numbers."""
    names = (*layout.ints, *layout.floats)
    return {
        name: at
        for at, name in enumerate(names, start=len(layout.times))
        if name is not None and is_wanted(name, counters_with_rates=schema.counters_with_rates)
    }


def _ints(layout: RowFormat) -> int:
    return layout.lengths[1]


def _is_plain(name: str) -> bool:
    return bool(name) and cleaned(name, Problems()) == name and TAGS not in name and TIME not in name


def _literally(text: str) -> str:
    return text.replace("%", "%%")


def _pick(places: list[int]) -> Pick:
    """What stands in these places, always as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda found: tuple([found[at] for at in places])
