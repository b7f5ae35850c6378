"""The historical API, `/api/v1/historical`: as the model API, but from InfluxDB; and aggregations (docs/api.md)."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from starlette.responses import Response

from api.heapster.history import History
from api.heapster.history_params import LISTS, SEVERAL, SINGLE
from api.heapster.history_responses import Answers, NoResultsError, Question
from api.heapster.influxql import InvalidNameError, Range, Subject, parse_bucket_ns, parse_functions
from api.heapster.model import Clock, Metric
from api.heapster.series import OLD_NAMES, parse_labels
from api.http.responses import JSON_ONLY, json_answer
from api.store.times import parse_time_ns
from runtime.errors import UnavailableError

ROOT: Final = "/api/v1/historical"
Found: TypeAlias = Subject | list[Subject]
Subjects: TypeAlias = Callable[..., Awaitable[Found]]
Aggregations = Annotated[str, Path(description="Of average, max, min, median, count, 50-perc, 95-perc, 99-perc")]


def history_routes(history: History, now_ns: Clock) -> APIRouter:
    """All its routes."""
    answers = Answers(history)
    router = APIRouter(prefix=ROOT, tags=["historical"], dependencies=[JSON_ONLY])

    async def asked(
        start: Annotated[str | None, Query(description="After this time, RFC 3339; required")] = None,
        end: Annotated[str | None, Query(description="Before this time; now if not given")] = None,
        labels: Annotated[str | None, Query(description="Labels of the metric itself: k:v,k2:v2")] = None,
        bucket: Annotated[str | None, Query(description="As 5m: one aggregation for each")] = None,
    ) -> Question:
        if not start:
            raise HTTPException(400, "no start time (or a start time of zero) provided")
        try:
            within = Range(parse_time_ns(start), parse_time_ns(end) if end else now_ns())
        except ValueError as error:
            raise HTTPException(400, f"timestamp argument cannot be parsed: {error}") from error
        try:
            return Question(within, parse_labels(labels), parse_bucket_ns(bucket))
        except ValueError as error:
            raise HTTPException(400, str(error)) from error

    for path, subjects in (*SINGLE, *SEVERAL):
        _add_series(router, path, subjects, answers, asked)
    for path, subject in SINGLE:
        if "pod-id" not in path:
            _add_names(router, path, subject, answers)
    for path, tag, of in LISTS:
        _add_list(router, path, tag, of, answers)
    return router


def _add_series(
    router: APIRouter,
    path: str,
    subjects: Subjects,
    answers: Answers,
    asked: Callable[..., Awaitable[Question]],
) -> None:
    @router.get(f"{path}/metrics/{{metric:path}}", summary=f"A metric of {subjects.__doc__}")
    def series(
        found: Annotated[Found, Depends(subjects)], metric: Metric, question: Annotated[Question, Depends(asked)]
    ) -> Response:
        with _told():
            return json_answer(answers.series(found, OLD_NAMES.get(metric, metric), question))

    @router.get(
        f"{path}/metrics-aggregated/{{aggregations}}/{{metric:path}}", summary=f"Aggregated: {subjects.__doc__}"
    )
    def aggregated(
        found: Annotated[Found, Depends(subjects)],
        aggregations: Aggregations,
        metric: Metric,
        question: Annotated[Question, Depends(asked)],
    ) -> Response:
        try:
            functions = parse_functions(aggregations)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        with _told():
            return json_answer(answers.aggregated(found, OLD_NAMES.get(metric, metric), question, functions))


def _add_names(router: APIRouter, path: str, subject: Subjects, answers: Answers) -> None:
    @router.get(f"{path}/metrics", summary=f"Metrics of {subject.__doc__}")
    def names(found: Annotated[Subject, Depends(subject)]) -> Response:
        with _told():
            return json_answer(answers.metric_names(found))


def _add_list(router: APIRouter, path: str, tag: str, of: Subjects, answers: Answers) -> None:
    @router.get(path, summary=f"Names of {of.__doc__}")
    def names(found: Annotated[Subject, Depends(of)]) -> Response:
        with _told():
            return json_answer(answers.names(tag, found))


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong, as an answer."""
    try:
        yield
    except (NoResultsError, InvalidNameError) as error:
        raise HTTPException(500, str(error)) from error
    except UnavailableError as error:
        raise HTTPException(503, str(error)) from error
