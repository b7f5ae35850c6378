"""Pauses between tries: they grow, differ from one writer to the next, and respect what the server asks for."""

from typing import Final

FIRST_S: Final = 0.5
LONGEST_S: Final = 15.0
LONGEST_ASKED_S: Final = 300.0  # of a Retry-After that is obeyed


def pause_s(failures: int, retry_after_s: float | None, chance: float) -> float:
    """Seconds to wait after so many failures in a row, 1 or more; `chance` is random, from 0 to 1.

    Full jitter: anything up to a limit that doubles. A Retry-After comes before that, and jitter on top, lest all
    writers come back in the same moment.
    """
    limit_s: float = min(LONGEST_S, FIRST_S * 2 ** min(failures - 1, 16))
    asked_s = min(max(retry_after_s or 0.0, 0.0), LONGEST_ASKED_S)
    return asked_s + chance * (min(limit_s, FIRST_S) if asked_s else limit_s)
