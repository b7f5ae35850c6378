"""What the environment says about the demo."""

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """How long and how large."""

    seconds: int | None  # None: until interrupted
    nodes: int
    pods_per_node: int

    @classmethod
    def read(cls) -> Self:
        """From DEMO_SECONDS, DEMO_NODES and DEMO_PODS_PER_NODE. Raises ValueError: variable and value."""
        return cls(
            seconds=_number("DEMO_SECONDS"),
            nodes=_number("DEMO_NODES") or 3,
            pods_per_node=_number("DEMO_PODS_PER_NODE") or 10,
        )


def _number(variable: str) -> int | None:
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"{variable}={text}: a whole number from 1 on is needed")
    return int(text)
