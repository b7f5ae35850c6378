"""Complaints: what is wrong with which node, told once when it begins and once when it is over."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Complaints:
    """About one thing that may be wrong with nodes."""

    log: logging.Logger
    begins: str
    ends: str
    open: set[str] = field(default_factory=set)

    def update(self, wrong: Mapping[str, str], looked_at: Collection[str]) -> None:
        """Tell what is new among the nodes looked at; `wrong` holds the reason by node."""
        for node in sorted(wrong.keys() - self.open):
            self.log.warning(self.begins, extra={"node": node, "reason": wrong[node]})
        mended = (self.open & set(looked_at)) - wrong.keys()
        for node in sorted(mended):
            self.log.info(self.ends, extra={"node": node})
        self.open = (self.open - mended) | wrong.keys()
