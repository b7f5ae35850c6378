"""Workload: what a pod belongs to, told from what its API object says of itself.

A pod names its controlling owner only: its ReplicaSet, not the Deployment behind it; its Job, not the CronJob. The rest
is in the names that Kubernetes' own controllers give, so nothing else has to be watched.
"""

import re
from typing import Final, NamedTuple

from schemas.node_scrape import ApiPod

TEMPLATE_HASH: Final = "pod-template-hash"

_OF_CRON_JOB: Final = re.compile(r"(.+)-([0-9]{8}|[0-9]{10})", re.ASCII)
_DIGITS_OF_MINUTES: Final = 8
_MINUTE_S: Final = 60
_DAY_S: Final = 86_400
_MOST_BEHIND_S: Final = 30 * _DAY_S
_NS_PER_S: Final = 1_000_000_000


class Workload(NamedTuple):
    """A Deployment, StatefulSet, DaemonSet, Job, CronJob, or whatever else owns pods."""

    namespace: str
    kind: str
    name: str


def workload_of(pod: ApiPod) -> Workload | None:
    """What the pod belongs to; None for one that stands alone, and for a static one, which is its node's."""
    if not pod.owner_kind or not pod.owner_name or pod.owner_kind == "Node":
        return None
    kind, name = _behind(pod)
    return Workload(pod.namespace, kind, name)


def _behind(pod: ApiPod) -> tuple[str, str]:
    if pod.owner_kind == "ReplicaSet":
        template_hash = pod.labels.get(TEMPLATE_HASH)
        deployment = pod.owner_name.removesuffix(f"-{template_hash}")
        if template_hash and deployment not in {"", pod.owner_name}:
            return "Deployment", deployment
    if pod.owner_kind == "Job" and (cron_job := _cron_job(pod)):
        return "CronJob", cron_job
    return pod.owner_kind, pod.owner_name


def _cron_job(pod: ApiPod) -> str | None:
    """The CronJob whose Job is called NAME-TIME: minutes since the epoch, seconds before Kubernetes 1.21.

    Digits that are no time shortly before the pod's start are part of a Job's own name, as a date may be.
    """
    match = _OF_CRON_JOB.fullmatch(pod.owner_name)
    if match is None or pod.start_time_ns is None:
        return None
    name, digits = match.groups()
    due_s = int(digits) * (_MINUTE_S if len(digits) == _DIGITS_OF_MINUTES else 1)
    return name if -_DAY_S <= pod.start_time_ns // _NS_PER_S - due_s <= _MOST_BEHIND_S else None
