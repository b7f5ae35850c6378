"""Answers of the historical API: what is asked of InfluxDB for them, and how they are made of what it says."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from api.heapster.buckets import buckets_document
from api.heapster.influxql import Dialect, Range, Subject, measurement_of
from api.heapster.series import indented, list_text, series_text
from api.store.batch_schema import Labels
from api.store.row import Point
from schemas.catalogue import BY_NAME, CUSTOM_PREFIX, Number

_LAST: Final = "last_"


class Table(Protocol):
    """One series of InfluxDB's answer."""

    @property
    def name(self) -> str:
        """Its measurement."""

    @property
    def columns(self) -> Sequence[str]:
        """Their names, the first one is the time's."""

    @property
    def rows(self) -> Sequence[Sequence[Any]]:
        """A value per column."""


class Asks(Protocol):
    """InfluxDB."""

    @property
    def dialect(self) -> Dialect:
        """How points were written."""

    def ask(self, statements: str) -> Sequence[Sequence[Table]]:
        """The tables of each statement's answer."""


class NoResultsError(Exception):
    """InfluxDB has nothing of one of those that were asked for."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a series is narrowed down to."""

    within: Range
    labels: Labels
    bucket_ns: int = 0  # length of a bucket; 0: one for all


class Answers:
    """Raises, all of them: InvalidNameError, UnavailableError."""

    def __init__(self, history: Asks) -> None:
        """Nothing is asked yet."""
        self._history = history

    def series(self, subjects: Subject | Sequence[Subject], metric: str, question: Question) -> str:
        """One series indented, or one for each of several, compact. Raises NoResultsError."""
        several = [subjects] if isinstance(subjects, Subject) else subjects
        dialect = self._history.dialect
        statements = [dialect.series(each, metric, question.labels, question.within) for each in several]
        found = [
            [Point(time_ns, _number(metric, value)) for time_ns, value in rows if value is not None]
            for rows in self._rows(several, metric, statements)
        ]
        return series_text(found[0]) if isinstance(subjects, Subject) else "".join(list_text(found))

    def aggregated(
        self, subjects: Subject | Sequence[Subject], metric: str, question: Question, functions: Sequence[str]
    ) -> str:
        """The same, aggregated. Raises NoResultsError."""
        several = [subjects] if isinstance(subjects, Subject) else subjects
        statements = [
            self._history.dialect.aggregated(
                each, metric, question.labels, question.within, functions, question.bucket_ns
            )
            for each in several
        ]
        found = [
            buckets_document(rows, functions, question.bucket_ns, question.within.start_ns)
            for rows in self._rows(several, metric, statements)
        ]
        if isinstance(subjects, Subject):
            return indented(found[0])
        return orjson.dumps({"items": found}).decode() + "\n"

    def names(self, tag: str, of: Subject) -> str:
        """The values of a tag."""
        (tables,) = self._history.ask(self._history.dialect.tag_values(tag, of))
        return indented(sorted({row[1] for table in tables for row in table.rows}))

    def metric_names(self, subject: Subject) -> str:
        """The metrics of an entity."""
        return indented(sorted(set(self._metric_names(subject))))

    def _metric_names(self, subject: Subject) -> Iterator[str]:
        dialect = self._history.dialect
        (tables,) = self._history.ask(dialect.keys(subject))
        measurements = sorted({measurement_of(row[0]) for table in tables for row in table.rows})
        if not dialect.with_fields:
            yield from measurements
            return
        if not measurements:
            return
        for tables in self._history.ask(dialect.fields(subject, measurements)):
            for table in tables:
                for column, value in zip(table.columns[1:], table.rows[0][1:], strict=True):
                    if value is not None:
                        yield dialect.metric(table.name, column.removeprefix(_LAST))

    def _rows(
        self, subjects: Sequence[Subject], metric: str, statements: Iterable[str]
    ) -> Iterator[Sequence[Sequence[Any]]]:
        answers = self._history.ask("; ".join(statements))
        for subject, tables in zip(subjects, answers, strict=True):
            if not tables or not tables[0].rows:
                raise NoResultsError(f'No results for metric "{metric}" describing "{subject.shown}"')
            yield tables[0].rows


def _number(metric: str, value: Number) -> Number:
    """With its type: JSON does not tell a whole float from an int."""
    known = BY_NAME.get(metric)
    is_float = known.value == "float" if known is not None else metric.startswith(CUSTOM_PREFIX)
    return float(value) if is_float else value
