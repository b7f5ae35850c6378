"""Label selectors: which objects a list or watch is about."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import orjson

from simulator.status import RequestError

_REQUIREMENT: Final = re.compile(r"(!?)([A-Za-z0-9./_-]+)(?:(!=|==?)([A-Za-z0-9._-]*))?")


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that are all to be met; those with `in` and `notin` are not done here."""

    requirements: tuple[tuple[str, str, str | None], ...]  # "", "!" or "!=" and key and value; None: any

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `a=b,c!=d,e,!f`. Raises RequestError: it is something else."""
        return cls(tuple(_requirement(part) for part in text.split(",") if part))

    def selects(self, body: bytes) -> bool:
        """Whether an object, as it goes out, has such labels."""
        if not self.requirements:
            return True
        labels: Mapping[str, str] = orjson.loads(body)["metadata"].get("labels") or {}
        return all(_met(labels, requirement) for requirement in self.requirements)


def _requirement(part: str) -> tuple[str, str, str | None]:
    found = _REQUIREMENT.fullmatch(part)
    if found is None or (found[1] and found[3]):
        raise RequestError(400, f"labelSelector: the simulated API server does not understand {part!r}")
    return (found[1] or ("!=" if found[3] == "!=" else "")), found[2], found[4]


def _met(labels: Mapping[str, str], requirement: tuple[str, str, str | None]) -> bool:
    negated, key, value = requirement
    return (key in labels if value is None else labels.get(key) == value) != bool(negated)
