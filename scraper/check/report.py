"""Output of `scraper --check` on the terminal."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scraper.check.diagnosis import Finding, cluster_role


@contextmanager
def captured_warnings() -> Iterator[list[str]]:
    """Collect warnings and errors instead of logging them, such as the output of a failed credential program."""
    warnings: list[str] = []
    capture = logging.Handler(logging.WARNING)
    capture.emit = lambda record: warnings.append(_text(record))  # type: ignore[method-assign]
    capture.addFilter(lambda record: record.name != "librdkafka")  # its errors are among the findings
    root = logging.getLogger()
    before, root.handlers = root.handlers, [capture]
    try:
        yield warnings
    finally:
        root.handlers = before


def _text(record: logging.LogRecord) -> str:
    details = [str(vars(record)[name]) for name in ("ignored", "options", "host", "error") if name in vars(record)]
    return ": ".join([record.getMessage(), *details])


def report(findings: Sequence[Finding], warnings: Sequence[str], console: Console) -> None:
    """Print a table of the findings, the captured warnings, and a ClusterRole with the missing permissions."""
    table = Table("", "check", "result", "what to do", expand=False)
    for each in findings:
        mark = "[green]ok[/]" if each.passed else "[bold red]failed[/]"
        table.add_row(mark, escape(each.check), escape(each.result), escape(each.advice))
    console.print(table)
    for warning in warnings:
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
    missing = [permission for each in findings for permission in each.missing_permissions]
    if missing:
        console.print("ClusterRole with the missing permissions; bind it to the scraper's account:\n", markup=False)
        console.print(cluster_role(missing), markup=False, highlight=False, soft_wrap=True)
    failed = sum(not each.passed for each in findings)
    summary = f"{failed} of {len(findings)} checks failed." if failed else "All checks passed."
    console.print(summary, style="bold")
