"""One line that is kept up to date on a terminal, and printed now and then where there is none."""

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

_PRINT_EVERY_S: Final = 10.0


class LiveLine:
    """Shown while the context lasts."""

    def __init__(self, console: Console) -> None:
        """Nothing is shown yet."""
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._print_from_s = 0.0

    def show(self, elapsed_s: float, figures: Mapping[str, str]) -> None:
        """Show these from now on; on a terminal so many of them as there is room for, each whole."""
        line = Text(f"{elapsed_s:4.0f} s", style="bold", no_wrap=True, overflow="ellipsis")
        for name, figure in figures.items():
            shown = Text.assemble((f"   {name} ", "dim"), figure)
            if self._live is not None and line.cell_len + shown.cell_len > self._console.width:
                break
            line.append_text(shown)
        if self._live is not None:
            self._live.update(line, refresh=True)
        elif elapsed_s >= self._print_from_s:
            self._console.print(line.plain, markup=False)
            self._print_from_s = elapsed_s + _PRINT_EVERY_S

    def __enter__(self) -> Self:
        """On a terminal, the line is ours from here."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """The last line stays."""
        if self._live is not None:
            self._live.stop()
