"""Fast path of line protocol: render the columns of a batch without building its metric sets.

The texts of a batch are escaped in one call and its floats formatted in one call; then each row fills the template of
its format. Rows that need more than escaping make the caller fall back to `render.render_sets`.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

from schemas.rows import Columns, RowFormat
from writer.lines.line_protocol import escape, format_float
from writer.lines.point_schema import PointSchema, Rendered
from writer.lines.row_template import TAGS_PLACEHOLDER, TIME_PLACEHOLDER, RowTemplate, row_template

_SEPARATOR: Final = "\0"  # between texts that are escaped in one call

_Numbers: TypeAlias = tuple[int | str, ...]


_Row: TypeAlias = tuple[RowFormat, RowFormat | None, tuple[str, ...], _Numbers]
"""Format of the set; format of its labeled values or None; texts of set, labeled values and cluster; numbers."""


def render_columns(columns: Columns, time_ns: int, cluster: str, schema: PointSchema) -> Rendered | None:
    """Render all rows; None if a name, text or number needs more than escaping, or a series key may be too long."""
    texts, floats = _escape_all((*columns.texts, cluster)), _format_floats(columns.floats)
    if texts is None or floats is None:
        return None
    templates: dict[tuple[RowFormat, RowFormat | None], RowTemplate] = {}
    blocks: list[str] = []
    points = 0
    for set_format, labeled_format, row_texts, numbers in _rows(columns, texts, floats):
        template = templates.get((set_format, labeled_format))
        if template is None:
            cached = row_template(set_format, labeled_format, schema)
            if cached is None:
                return None
            template = cached._replace(lines=cached.lines.replace(TIME_PLACEHOLDER, str(time_ns)))
            templates[set_format, labeled_format] = template
        values = template.pick_texts(row_texts)
        tags = _non_empty_tags(template, values) if "" in values else template.tags % values
        if len(tags) > template.max_tags_characters:
            return None
        # numbers first: % is slow on long texts, and tags are most of a line
        blocks.append((template.lines % template.pick_numbers(numbers)).replace(TAGS_PLACEHOLDER, tags))
        points += template.points
    return Rendered("".join(blocks), points, {})


def _rows(columns: Columns, texts: tuple[str, ...], floats: tuple[str, ...]) -> Iterator[_Row]:
    """Yield each set's own values, then its labeled values, which precede the set in the columns."""
    cluster = texts[-1:]
    at_text = at_int = at_float = 0  # start of the row in each column
    labeled: list[tuple[RowFormat, tuple[str, ...], _Numbers]] = []
    for row_format in columns.rows:
        text_count, int_count, float_count = row_format.lengths
        row_texts = texts[at_text : at_text + text_count]
        numbers = columns.ints[at_int : at_int + int_count] + floats[at_float : at_float + float_count]
        at_text += text_count
        at_int += int_count
        at_float += float_count
        if row_format.type is None:
            labeled.append((row_format, row_texts, numbers))
            continue
        yield row_format, None, row_texts + cluster, numbers
        for labeled_format, own_texts, own_numbers in labeled:
            yield row_format, labeled_format, row_texts + own_texts + cluster, own_numbers
        labeled.clear()


def _non_empty_tags(template: RowTemplate, values: tuple[str, ...]) -> str:
    return "".join(tag % value for tag, value in zip(template.tag_templates, values, strict=True) if value)


def _escape_all(texts: tuple[str, ...]) -> tuple[str, ...] | None:
    """Escape all texts in one call; None if one of them needs more than escaping."""
    joined = _SEPARATOR.join(texts)
    if "\n" in joined or joined.count(_SEPARATOR) != len(texts) - 1:
        return None
    if f"\\{_SEPARATOR}" in joined or joined.endswith("\\"):
        return None
    return tuple(escape(joined).split(_SEPARATOR))


def _format_floats(floats: tuple[float, ...]) -> tuple[str, ...] | None:
    """Format as `format_float` does, in one call; None if a value is not finite."""
    if not floats:
        return ()
    shortest = repr(list(floats))[1:-1] + ","
    if "n" in shortest:  # nan and inf
        return None
    if "e" in shortest:
        return tuple(map(format_float, floats))
    return tuple(shortest.replace(".0,", ",")[:-1].split(", "))
