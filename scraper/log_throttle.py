"""Logs a problem of many nodes once when it starts and once when it ends, grouped by reason.

Three hundred kubelets that refuse connections at the same time are one line.
"""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_MAX_LINES_PER_REASON: Final = 3  # more nodes with the same reason are one line
_MAX_NAMES: Final = 5  # in one line
_MAX_REASONS: Final = 5  # in one call; the others share the last group

_URL_PREFIX: Final = re.compile(r"^\w+://\S+: ")
_NUMBER: Final = re.compile(r"[+-]?\d[\d.:]*")


@dataclass(slots=True, kw_only=True)
class LogThrottle:
    """The log lines about one kind of problem."""

    log: logging.Logger
    begins: str  # message when the problem starts on a node
    ends: str  # message when it ends
    active: set[str] = field(default_factory=set)  # nodes with the problem

    def update(self, problems: Mapping[str, str], checked: Collection[str]) -> None:
        """Log the changes since the last call: `problems` are the reasons by node, among the nodes `checked`."""
        new = {node: problems[node] for node in sorted(problems.keys() - self.active)}
        for nodes in _by_reason(new):
            if len(nodes) > _MAX_LINES_PER_REASON:
                self.log.warning(self.begins, extra=_summary(nodes) | {"reason": _URL_PREFIX.sub("", new[nodes[0]])})
                continue
            for node in nodes:
                self.log.warning(self.begins, extra={"node": node, "reason": new[node]})
        solved = sorted((self.active & set(checked)) - problems.keys())
        self.active = (self.active - set(solved)) | problems.keys()
        many = len(solved) > _MAX_LINES_PER_REASON
        for extra in [_summary(solved)] if many else [{"node": node} for node in solved]:
            self.log.info(self.ends, extra=extra)


def _by_reason(reasons: Mapping[str, str]) -> list[list[str]]:
    """Groups of nodes with the same reason, ignoring URLs and numbers in it; the largest groups first."""
    groups: dict[str, list[str]] = {}
    for node, reason in reasons.items():
        groups.setdefault(_NUMBER.sub("", _URL_PREFIX.sub("", reason)), []).append(node)
    found = sorted(groups.values(), key=len, reverse=True)
    rest = [node for nodes in found[_MAX_REASONS - 1 :] for node in nodes]
    return [*found[: _MAX_REASONS - 1], *([rest] if rest else [])]


def _summary(nodes: Sequence[str]) -> dict[str, object]:
    return {"nodes": len(nodes), "first": list(nodes[:_MAX_NAMES])}
