"""Templates of the lines of all rows with one format: built once, then filled with tags, numbers and time."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from schemas.rows import RowFormat
from writer.lines.line_protocol import MAX_SERIES_KEY_BYTES, Problems, escape, sanitize
from writer.lines.measurement_names import group_by_line, is_written, measurement_name
from writer.lines.point_schema import PointSchema
from writer.lines.tags import CLUSTER_NAME, NAMESPACE_NAME, OMITTED_LABELS, POD_NAMESPACE, has_pod_namespace

TAGS_PLACEHOLDER: Final = "\0"
TIME_PLACEHOLDER: Final = "\1"
_CACHE_SIZE: Final = 4096
_MAX_UTF8_BYTES: Final = 4  # of one character

Pick: TypeAlias = Callable[[Sequence[Any]], tuple[Any, ...]]


class RowTemplate(NamedTuple):
    """Template of a row with the texts of set, labeled values and cluster, and the numbers times, ints, floats."""

    tags: str  # `,name=%s` per tag
    tag_templates: tuple[str, ...]  # the same, tag by tag
    pick_texts: Pick  # the texts for `tags`
    lines: str  # with a % conversion per number and both placeholders
    pick_numbers: Pick  # the numbers for `lines`
    points: int
    max_tags_characters: int  # tags up to this length cannot make a series key too long


@lru_cache(maxsize=_CACHE_SIZE)
def row_template(set_format: RowFormat, labeled: RowFormat | None, schema: PointSchema) -> RowTemplate | None:
    """Template of a set's own values, or of its labeled values; None if a name needs more than escaping."""
    texts = _tag_indexes(set_format, labeled, schema)
    numbers = _number_indexes(labeled or set_format, schema)
    names = {metric: measurement_name(metric, with_fields=schema.with_fields) for metric in numbers}
    if not all(map(_is_plain, (*texts, *numbers))) or any(name.problems for name in names.values()):
        return None
    floats = {index for index in numbers.values() if index >= _int_count(labeled or set_format)}
    lines = group_by_line(numbers, with_fields=schema.with_fields)
    longest_name = max((len(name.measurement.encode()) for name in names.values()), default=0)
    tag_names = sorted(texts)
    tag_templates = tuple(f",{_escape_percent(escape(name))}=%s" for name in tag_names)

    def field(metric: str) -> str:
        return f"{_escape_percent(names[metric].field)}={'%s' if numbers[metric] in floats else '%di'}"

    def template(line: list[str]) -> str:
        measurement = _escape_percent(names[line[0]].measurement)
        return f"{measurement}{TAGS_PLACEHOLDER} {','.join(map(field, line))} {TIME_PLACEHOLDER}\n"

    return RowTemplate(
        tags="".join(tag_templates),
        tag_templates=tag_templates,
        pick_texts=_pick([texts[name] for name in tag_names]),
        lines="".join(map(template, lines)),
        pick_numbers=_pick([numbers[metric] for line in lines for metric in line]),
        points=len(lines),
        max_tags_characters=(MAX_SERIES_KEY_BYTES - longest_name) // _MAX_UTF8_BYTES,
    )


def _tag_indexes(set_format: RowFormat, labeled: RowFormat | None, schema: PointSchema) -> dict[str, int]:
    """Index of each tag's value in the texts of a row; labels of labeled values override those of the entity."""
    indexes = {name: index for index, name in enumerate(set_format.labels, start=1)}  # index 0 is the key
    if has_pod_namespace(set_format.type, schema.tag_set) and NAMESPACE_NAME in indexes:
        indexes[POD_NAMESPACE] = indexes[NAMESPACE_NAME]
    end = set_format.lengths[0]
    if labeled is not None:
        indexes.update({name: index for index, name in enumerate(labeled.labels, start=end)})
        end += labeled.lengths[0]
    indexes = {name: index for name, index in indexes.items() if name not in OMITTED_LABELS[schema.tag_set]}
    return indexes | {CLUSTER_NAME: end}


def _number_indexes(row_format: RowFormat, schema: PointSchema) -> dict[str, int]:
    """Index of each written metric's value in the numbers of a row."""
    names = (*row_format.ints, *row_format.floats)
    return {
        name: index
        for index, name in enumerate(names, start=len(row_format.times))
        if name is not None and is_written(name, counters_with_rates=schema.counters_with_rates)
    }


def _int_count(row_format: RowFormat) -> int:
    return row_format.lengths[1]


def _is_plain(name: str) -> bool:
    return bool(name) and sanitize(name, Problems()) == name and not {TAGS_PLACEHOLDER, TIME_PLACEHOLDER} & set(name)


def _escape_percent(text: str) -> str:
    return text.replace("%", "%%")


def _pick(indexes: list[int]) -> Pick:
    """Select these items of a sequence, as a tuple also when there are fewer than two."""
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda items: tuple([items[index] for index in indexes])
