"""Findings of `scraper --check` and the advice for each failure; pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from scraper.cluster.client import ApiError, RelistError
from scraper.config import SourceConfig
from scraper.kubelet.client import ScrapeError

UNREACHABLE: Final = "check the address, and the network path: network policies, firewalls, proxies"
UNEXPECTED: Final = "the server returned an unexpected response: check that the address is right"
_GRANT: Final = "grant the scraper the ClusterRole below"
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 401, 403, 429
_SERVER_ERROR: Final = 500
_CERTIFICATE: Final = "certificate"
_KUBELET_ADVICE: Final = {
    401: "set kubeletHttps=true, tokens are sent over https only; the kubelet needs authentication.webhook.enabled",
    404: "check the kubelet's port: set kubeletPort=10250 and kubeletHttps=true, or nodeStatusPort=true",
}


class Permission(NamedTuple):
    """An RBAC verb on a resource of the core API group."""

    verb: str
    resource: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check."""

    check: str
    passed: bool
    result: str
    advice: str = ""
    missing_permissions: tuple[Permission, ...] = ()


def source_advice(error: Exception) -> str:
    """What to do if `--source` cannot be read."""
    if isinstance(error, TimeoutError):
        return "run the credential program of the kubeconfig by hand: it must not ask for input"
    return "correct --source: see heapster-stream scraper --help"


def api_failure(check: str, error: ApiError | RelistError, needed: tuple[Permission, ...]) -> Finding:
    """The finding for a failed request to the API server that needs these permissions."""
    status = error.status if isinstance(error, ApiError) else None
    if status == _FORBIDDEN:
        return Finding(check, passed=False, result=str(error), advice=_GRANT, missing_permissions=needed)
    return Finding(check, passed=False, result=str(error), advice=_api_advice(str(error), status))


def _api_advice(error: str, status: int | None) -> str:
    if status == _UNAUTHORIZED:
        return (
            "check the credentials: the token may be missing, expired or of another cluster; set auth=KUBECONFIG,"
            " and use https, as no token is sent over http"
        )
    if status == _TOO_MANY or (status is not None and status >= _SERVER_ERROR):
        return "the API server is overloaded or failing: check its health and try again later"
    if status is not None:
        return UNEXPECTED
    if _CERTIFICATE in error:
        return "set certificate-authority in the kubeconfig to the API server's CA, or insecure=true to skip the check"
    return UNREACHABLE


def kubelet_failure(check: str, error: ScrapeError, source: SourceConfig) -> Finding:
    """The finding for a failed request to a kubelet."""
    if error.status == _FORBIDDEN:
        missing = (Permission("get", error.rbac_resource),)
        return Finding(check, passed=False, result=str(error), advice=_GRANT, missing_permissions=missing)
    return Finding(check, passed=False, result=str(error), advice=_kubelet_advice(str(error), error.status, source))


def _kubelet_advice(error: str, status: int | None, source: SourceConfig) -> str:
    access = source.kubelets
    if status is not None:
        return _KUBELET_ADVICE.get(status, "see the log of the kubelet on this node")
    if _CERTIFICATE in error.lower():
        return (
            "set kubeletCA=FILE to the kubelets' CA, or kubeletInsecure=true to skip the check; if the certificates"
            " are issued for names, set addressTypes=Hostname or InternalDNS"
        )
    if access.via_api_server:
        return UNREACHABLE
    if not access.https:
        return "few kubelets serve plain http: set kubeletHttps=true&kubeletPort=10250, or kubeletProxy=true"
    return "check kubeletPort, usually 10250; set addressTypes if nodes have several addresses, or kubeletProxy=true"


def cluster_role(missing: Iterable[Permission]) -> str:
    """YAML of a ClusterRole with these permissions."""
    verbs: dict[str, set[str]] = {}
    for permission in missing:
        verbs.setdefault(permission.resource, set()).add(permission.verb)
    resources_by_verbs: dict[tuple[str, ...], list[str]] = {}
    for resource in sorted(verbs):
        resources_by_verbs.setdefault(tuple(sorted(verbs[resource])), []).append(resource)
    rules = "".join(
        f'  - apiGroups: [""]\n    resources: [{", ".join(resources)}]\n    verbs: [{", ".join(names)}]\n'
        for names, resources in resources_by_verbs.items()
    )
    return (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: heapster-stream-scraper\n"
        f"rules:\n{rules}"
    )
