"""Where the API server is and who we are there, in the ways that Heapster knew (docs/configuration.md, 2)."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped] # has no annotations
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from runtime.errors import ConfigError

log = logging.getLogger(__name__)

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the source says about reaching the API server."""

    flag: str  # for messages
    host: str  # http://HOST:PORT, or empty
    in_cluster: bool
    kubeconfig: str  # path, or empty
    insecure: bool
    use_service_account: bool


def api_configuration(
    access: Access, *, environ: Mapping[str, str] = os.environ, account: Path = SERVICE_ACCOUNT
) -> client.Configuration:
    """Settings of the Kubernetes client. Raises ConfigError: what is asked for is not there."""
    api = client.Configuration()
    api.host = ""
    api.retries = False  # whoever asks does it again, in its own time
    api.keep_alive = True
    if access.in_cluster:
        _as_pod(api, access, environ, account)
    elif access.kubeconfig:
        _by_kubeconfig(api, access)
    if access.in_cluster or not access.kubeconfig:
        api.host = access.host or api.host
        if access.insecure:
            api.verify_ssl, api.ssl_ca_cert = False, None
    if not api.host.startswith(("http://", "https://")):
        shown = f" {api.host}" if api.host else ""
        raise ConfigError(
            f"{access.flag}: invalid kubernetes master url specified{shown}: give one, as http://HOST:PORT"
        )
    if access.use_service_account:
        _with_token(api, account / "token")
    return api


def warn(access: Access, api: client.Configuration) -> None:
    """Tell what these settings bring with them; to be called once."""
    said = {"flag": access.flag, "host": api.host}
    ignored = [name for name, given in (("the URI's host", access.host), ("insecure", access.insecure)) if given]
    if access.kubeconfig and not access.in_cluster and ignored:
        log.warning("ignored: the kubeconfig decides", extra={"flag": access.flag, "ignored": ignored})
    if api.host.startswith("https:") and not api.verify_ssl:
        log.warning("the certificate of the API server is not verified", extra=said)
    if access.use_service_account and not api.api_key:
        log.warning("useServiceAccount: going without a token, none can be read", extra=said)
    if api.host.startswith("http:") and api.api_key:
        log.warning("no token is sent to the API server: over http anyone could read it, give https", extra=said)


def _as_pod(api: client.Configuration, access: Access, environ: Mapping[str, str], account: Path) -> None:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    hint = "not in a cluster? Then give inClusterConfig=false"
    if not host or not port:
        raise ConfigError(
            f"{access.flag}: inClusterConfig=true needs KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: {hint}"
        )
    if not _with_token(api, account / "token"):
        raise ConfigError(f"{access.flag}: inClusterConfig=true needs the token {account / 'token'}: {hint}")
    api.host = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    if (account / "ca.crt").is_file():
        api.ssl_ca_cert = str(account / "ca.crt")


def _by_kubeconfig(api: client.Configuration, access: Access) -> None:
    path = Path(access.kubeconfig).expanduser()
    try:
        path.read_bytes()  # the loader's error does not tell why it found nothing
        config.load_kube_config(config_file=str(path), client_configuration=api)
    except (ConfigException, OSError, yaml.YAMLError, TypeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise ConfigError(f"{access.flag}: auth={access.kubeconfig}: {reason}") from error


def _with_token(api: client.Configuration, path: Path) -> bool:
    """Send the token in this file, read anew for each request, because projected ones expire."""

    def refresh(configuration: client.Configuration) -> None:
        token = _token(path)
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"

    refresh(api)
    found = bool(_token(path))
    if found or api.refresh_api_key_hook is None:  # else another token stays, and is refreshed in its own way
        api.refresh_api_key_hook = refresh  # type: ignore[assignment] # its type is guessed from None
    return found


def _token(path: Path) -> str:
    """Empty if there is none."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
