"""Sources of a scraper as the tests need them, and certificates for the servers behind them."""

from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import trustme

from scraper.cluster.objects import ClusterNode
from scraper.config import SourceConfig


def source(url: str, options: str = "") -> SourceConfig:
    """An API server outside of the scraper's own cluster."""
    return SourceConfig.parse((f"kubernetes:{url}?inClusterConfig=false{options}",))


def node(address: str, port: int | None, name: str = "n1") -> ClusterNode:
    """A node whose status says that its kubelet is there."""
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
    """The TLS of a server that is found at these names or addresses."""
    context = SSLContext(PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def ca_file(authority: trustme.CA, folder: Path, name: str = "ca.crt") -> Path:
    """Its certificate, to be believed."""
    path = folder / name
    authority.cert_pem.write_to_path(path)
    return path


def kubeconfig(folder: Path, server: str, *, cluster: str = "", user: str = "") -> Path:
    """A file whose only context is that cluster and that user, both in YAML's flow style."""
    path = folder / "kubeconfig"
    path.write_text(
        "current-context: x\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'{', ' + cluster if cluster else ''}}}}}]\n"
        f"users: [{{name: u, user: {{{user}}}}}]\n"
    )
    return path
