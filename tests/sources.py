"""Sources of a scraper for tests, with certificates of their servers."""

from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import trustme

from scraper.cluster.objects import ClusterNode
from scraper.config import SourceConfig


def source(url: str, options: str = "") -> SourceConfig:
    """A source with an API server outside the scraper's cluster."""
    return SourceConfig.parse((f"kubernetes:{url}?inClusterConfig=false{options}",))


def node(address: str, port: int | None, name: str = "n1") -> ClusterNode:
    """A node whose status has this address and port of its kubelet."""
    return ClusterNode(
        name=name,
        uid=f"uid-{name}",
        ready=True,
        hostname=f"host-{name}",
        address=address,
        kubelet_port=port,
        host_id="",
        unschedulable=False,
    )


def serving(authority: trustme.CA, *names: str) -> SSLContext:
    """TLS context of a server with a certificate for these names or addresses."""
    context = SSLContext(PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def ca_file(authority: trustme.CA, folder: Path, name: str = "ca.crt") -> Path:
    """Write the authority's certificate to a file."""
    path = folder / name
    authority.cert_pem.write_to_path(path)
    return path


def kubeconfig(folder: Path, server: str, *, cluster: str = "", user: str = "") -> Path:
    """Write a kubeconfig with one context; `cluster` and `user` are YAML in flow style."""
    path = folder / "kubeconfig"
    path.write_text(
        "current-context: x\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'{', ' + cluster if cluster else ''}}}}}]\n"
        f"users: [{{name: u, user: {{{user}}}}}]\n"
    )
    return path
