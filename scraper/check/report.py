"""What a check found, for people."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scraper.check.diagnosis import Finding, cluster_role


@contextmanager
def notes_taken() -> Iterator[list[str]]:
    """What is logged meanwhile, instead of the log: why a program gave no token, what is not verified."""
    notes: list[str] = []
    taking = logging.Handler(logging.WARNING)
    taking.emit = lambda record: notes.append(_note(record))  # type: ignore[method-assign]
    taking.addFilter(lambda record: record.name != "librdkafka")  # its errors are among the findings
    root = logging.getLogger()
    before, root.handlers = root.handlers, [taking]
    try:
        yield notes
    finally:
        root.handlers = before


def _note(record: logging.LogRecord) -> str:
    told = [str(vars(record)[name]) for name in ("ignored", "options", "host", "error") if name in vars(record)]
    return ": ".join([record.getMessage(), *told])


def report(found: Sequence[Finding], notes: Sequence[str], console: Console) -> None:
    """A table, the missing rights as a role, and what was logged on the way."""
    table = Table("", "tried", "found", "what to do", expand=False)
    for each in found:
        mark = "[green]ok[/]" if each.good else "[bold red]no[/]"
        table.add_row(mark, escape(each.what), escape(each.found), escape(each.advice))
    console.print(table)
    for note in notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    missing = [right for each in found for right in each.missing]
    if missing:
        console.print("Missing rights, for a ClusterRoleBinding to whom the scraper is:\n", markup=False)
        console.print(cluster_role(missing), markup=False, highlight=False, soft_wrap=True)
    failed = sum(not each.good for each in found)
    console.print(f"{failed} of {len(found)} do not work" if failed else "All is well.", style="bold")
