"""What a check found, and what to do about it: pure, so that every case can be read and tried."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from scraper.cluster.client import ApiError, RelistError
from scraper.config import SourceConfig
from scraper.kubelet.client import ScrapeError

UNREACHABLE: Final = "is the address right, and is there a way to it: network policies, firewalls, proxies?"
UNREADABLE: Final = "what answers there is not what is expected: is the address right?"
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 401, 403, 429
_FAILING: Final = 500
_CERTIFICATE: Final = "certificate"
_OF_KUBELET: Final = {
    401: "a token is sent over https only: kubeletHttps=true; the kubelet must take tokens (webhook)",
    404: "is it the kubelet's port? kubeletPort=10250 with kubeletHttps=true, or nodeStatusPort=true",
}


class Right(NamedTuple):
    """A verb and a resource of the core API group, as RBAC has them."""

    verb: str
    resource: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    what: str
    good: bool
    found: str
    advice: str = ""
    missing: tuple[Right, ...] = ()


def of_source(error: Exception) -> str:
    """About a source that cannot be read."""
    if isinstance(error, TimeoutError):
        return "does a program that the kubeconfig runs wait for something?"
    return "see --source in heapster-stream scraper --help"


def of_api(what: str, error: ApiError | RelistError, needed: tuple[Right, ...]) -> Finding:
    """About something that the API server refuses, or does not answer to."""
    text, status = str(error), error.status if isinstance(error, ApiError) else None
    if status == _FORBIDDEN:
        return Finding(what, good=False, found=text, advice="give the right below", missing=needed)
    return Finding(what, good=False, found=text, advice=_of_api(text, status))


def _of_api(text: str, status: int | None) -> str:
    if status == _UNAUTHORIZED:
        return "who we are is not accepted: is the token expired, of another cluster, or missing (auth, http)?"
    if status == _TOO_MANY or (status is not None and status >= _FAILING):
        return "the API server is overloaded or in trouble: try again later"
    if status is not None:
        return UNREADABLE
    if _CERTIFICATE in text:
        return "the certificate is of another CA or name: certificate-authority in the kubeconfig, or insecure=true"
    return UNREACHABLE


def of_kubelet(what: str, error: ScrapeError, source: SourceConfig) -> Finding:
    """About a kubelet that does not let us in, or does not answer."""
    text = str(error)
    if error.status == _FORBIDDEN:
        missing = (Right("get", error.right),)
        return Finding(what, good=False, found=text, advice="give the right below", missing=missing)
    return Finding(what, good=False, found=text, advice=_of_kubelet(text, error.status, source))


def _of_kubelet(text: str, status: int | None, source: SourceConfig) -> str:
    access = source.kubelets
    if status is not None:
        return _OF_KUBELET.get(status, "see the kubelet's log")
    if _CERTIFICATE in text.lower():
        return "kubeletCA=FILE of the kubelets' CA, or kubeletInsecure=true; addressTypes for names in certificates"
    if access.through_api:
        return UNREACHABLE
    if not access.https:
        return "kubelets seldom serve plain http: kubeletHttps=true&kubeletPort=10250; or kubeletProxy=true"
    return "kubeletPort is usually 10250; addressTypes, where nodes have several; or kubeletProxy=true"


def cluster_role(missing: Iterable[Right]) -> str:
    """YAML of a role that gives these rights."""
    verbs: dict[str, set[str]] = {}
    for right in missing:
        verbs.setdefault(right.resource, set()).add(right.verb)
    alike: dict[tuple[str, ...], list[str]] = {}
    for resource in sorted(verbs):
        alike.setdefault(tuple(sorted(verbs[resource])), []).append(resource)
    rules = "".join(
        f'  - apiGroups: [""]\n    resources: [{", ".join(resources)}]\n    verbs: [{", ".join(names)}]\n'
        for names, resources in alike.items()
    )
    return (
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: heapster-stream-scraper\n"
        f"rules:\n{rules}"
    )
