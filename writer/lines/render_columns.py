"""By column: the lines of a batch made of its columns, with no metric sets in between.

All texts of a batch are escaped at once and all floats written at once, and each row is put into the form of its
layout. What would need care is left to whoever goes set by set.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

from schemas.rows import Columns, RowFormat
from writer.lines.line_protocol import escaped, real
from writer.lines.point_schema import PointSchema, Rendered
from writer.lines.row_template import TAGS, TIME, RowTemplate, row_template

_BETWEEN: Final = "\0"  # stands between texts while they are escaped together

_Numbers: TypeAlias = tuple[int | str, ...]


_Row: TypeAlias = tuple[RowFormat, RowFormat | None, tuple[str, ...], _Numbers]
"""Layout of the set, that of values labeled on their own; texts of the set, own ones, the cluster's name; numbers."""


def render_columns(columns: Columns, time_ns: int, cluster: str, schema: PointSchema) -> Rendered | None:
    """The lines of all rows; None if a name, a text or a number cannot be written as it is."""
    texts, reals = _escaped_together((*columns.texts, cluster)), _written_together(columns.floats)
    if texts is None or reals is None:
        return None
    forms: dict[tuple[RowFormat, RowFormat | None], RowTemplate] = {}
    blocks: list[str] = []
    points = 0
    for layout, labeled, words, numbers in _rows(columns, texts, reals):
        form = forms.get((layout, labeled))
        if form is None:
            found = row_template(layout, labeled, schema)
            if found is None:
                return None
            form = forms[layout, labeled] = found._replace(lines=found.lines.replace(TIME, str(time_ns)))
        values = form.texts(words)
        where = _tags_but_empty(form, values) if "" in values else form.tags % values
        if len(where) > form.longest_tags:
            return None
        # numbers first: that is slow in long texts, and tags are most of a line
        blocks.append((form.lines % form.numbers(numbers)).replace(TAGS, where))
        points += form.points
    return Rendered("".join(blocks), points, {})


def _rows(columns: Columns, texts: tuple[str, ...], reals: tuple[str, ...]) -> Iterator[_Row]:
    """Each set's own values, then its labeled ones, which stand before it in the columns."""
    cluster = texts[-1:]
    at_text = at_int = at_float = 0  # where the row begins
    labeled: list[tuple[RowFormat, tuple[str, ...], _Numbers]] = []
    for layout in columns.rows:
        of_texts, of_ints, of_floats = layout.lengths
        words = texts[at_text : at_text + of_texts]
        numbers = columns.ints[at_int : at_int + of_ints] + reals[at_float : at_float + of_floats]
        at_text += of_texts
        at_int += of_ints
        at_float += of_floats
        if layout.type is None:
            labeled.append((layout, words, numbers))
            continue
        yield layout, None, words + cluster, numbers
        for each, own, values in labeled:
            yield layout, each, words + own + cluster, values
        labeled.clear()


def _tags_but_empty(form: RowTemplate, values: tuple[str, ...]) -> str:
    return "".join(tag % value for tag, value in zip(form.each_tag, values, strict=True) if value)


def _escaped_together(texts: tuple[str, ...]) -> tuple[str, ...] | None:
    """None if one of them needs more than escaping."""
    joined = _BETWEEN.join(texts)
    if "\n" in joined or joined.count(_BETWEEN) != len(texts) - 1:
        return None
    if f"\\{_BETWEEN}" in joined or joined.endswith("\\"):
        return None
    return tuple(escaped(joined).split(_BETWEEN))


def _written_together(floats: tuple[float, ...]) -> tuple[str, ...] | None:
    """As `real` does each; None if one of them is not finite."""
    if not floats:
        return ()
    shortest = repr(list(floats))[1:-1] + ","
    if "n" in shortest:  # nan and inf
        return None
    if "e" in shortest:
        return tuple(map(real, floats))
    return tuple(shortest.replace(".0,", ",")[:-1].split(", "))
