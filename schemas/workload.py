"""The workload of a pod, derived from the pod's own API object.

A pod names only its direct owner: the ReplicaSet, not the Deployment; the Job, not the CronJob. The names that
Kubernetes' controllers generate contain the rest, so that no other objects need to be watched.
"""

import re
from typing import Final, NamedTuple

from schemas.node_scrape import ApiPod

TEMPLATE_HASH: Final = "pod-template-hash"

_OF_CRON_JOB: Final = re.compile(r"(.+)-([0-9]{8}|[0-9]{10})", re.ASCII)
_DIGITS_OF_MINUTES: Final = 8
_MINUTE_S: Final = 60
_DAY_S: Final = 86_400
_MAX_DELAY_S: Final = 30 * _DAY_S
_NS_PER_S: Final = 1_000_000_000


class Workload(NamedTuple):
    """A Deployment, StatefulSet, DaemonSet, Job, CronJob or any other owner of pods."""

    namespace: str
    kind: str
    name: str


def workload_of(pod: ApiPod) -> Workload | None:
    """The workload that the pod belongs to; None if it has no owner or is a static pod, which its node owns."""
    if not pod.owner_kind or not pod.owner_name or pod.owner_kind == "Node":
        return None
    kind, name = _top_owner(pod)
    return Workload(pod.namespace, kind, name)


def _top_owner(pod: ApiPod) -> tuple[str, str]:
    if pod.owner_kind == "ReplicaSet":
        template_hash = pod.labels.get(TEMPLATE_HASH)
        deployment = pod.owner_name.removesuffix(f"-{template_hash}")
        if template_hash and deployment not in {"", pod.owner_name}:
            return "Deployment", deployment
    if pod.owner_kind == "Job" and (cron_job := _cron_job(pod)):
        return "CronJob", cron_job
    return pod.owner_kind, pod.owner_name


def _cron_job(pod: ApiPod) -> str | None:
    """The CronJob whose Job is named NAME-TIME, in minutes since the epoch (in seconds before Kubernetes 1.21).

    Digits that are not a time near the pod's start belong to the Job's own name, for example a date. The time may be
    up to a day after the start and up to 30 days before it.
    """
    match = _OF_CRON_JOB.fullmatch(pod.owner_name)
    if match is None or pod.start_time_ns is None:
        return None
    name, digits = match.groups()
    due_s = int(digits) * (_MINUTE_S if len(digits) == _DIGITS_OF_MINUTES else 1)
    return name if -_DAY_S <= pod.start_time_ns // _NS_PER_S - due_s <= _MAX_DELAY_S else None
