"""Complaints: what is wrong with which nodes, told once when it begins and once when it is over.

Three hundred kubelets that refuse at once are one line, not three hundred.
"""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_ONE_BY_ONE: Final = 3
_NAMED: Final = 5
_KINDS: Final = 5
"""So many lines at most for one cause of trouble each, in one round."""

_WHERE: Final = re.compile(r"^\w+://\S+: ")
_NUMBER: Final = re.compile(r"[+-]?\d[\d.:]*")


@dataclass(slots=True, kw_only=True)
class LogThrottle:
    """About one thing that may be wrong with nodes."""

    log: logging.Logger
    begins: str
    ends: str
    open: set[str] = field(default_factory=set)

    def update(self, wrong: Mapping[str, str], looked_at: Collection[str]) -> None:
        """Tell what is new among the nodes looked at; `wrong` holds the reason by node."""
        new = {node: wrong[node] for node in sorted(wrong.keys() - self.open)}
        for nodes in _alike(new):
            if len(nodes) > _ONE_BY_ONE:
                self.log.warning(self.begins, extra=_many(nodes) | {"reason": _WHERE.sub("", new[nodes[0]])})
                continue
            for node in nodes:
                self.log.warning(self.begins, extra={"node": node, "reason": new[node]})
        mended = sorted((self.open & set(looked_at)) - wrong.keys())
        self.open = (self.open - set(mended)) | wrong.keys()
        for told in [_many(mended)] if len(mended) > _ONE_BY_ONE else [{"node": node} for node in mended]:
            self.log.info(self.ends, extra=told)


def _alike(reasons: Mapping[str, str]) -> list[list[str]]:
    """The nodes by what is wrong with them: where it happened and numbers do not make another reason."""
    kinds: dict[str, list[str]] = {}
    for node, reason in reasons.items():
        kinds.setdefault(_NUMBER.sub("", _WHERE.sub("", reason)), []).append(node)
    found = sorted(kinds.values(), key=len, reverse=True)
    rest = [node for nodes in found[_KINDS - 1 :] for node in nodes]
    return [*found[: _KINDS - 1], *([rest] if rest else [])]


def _many(nodes: Sequence[str]) -> dict[str, object]:
    return {"nodes": len(nodes), "first": list(nodes[:_NAMED])}
