"""Address of the API server and credentials, from the options that Heapster has (docs/configuration.md, 2)."""

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
    """The options of `--source` that concern the API server."""

    flag: str  # for error messages
    host: str  # http://HOST:PORT, or empty
    in_cluster: bool
    kubeconfig: str  # path, or empty
    insecure: bool
    use_service_account: bool


def api_configuration(
    access: Access, *, environ: Mapping[str, str] = os.environ, account: Path = SERVICE_ACCOUNT
) -> client.Configuration:
    """Settings of the Kubernetes client. Raises ConfigError: a required file, variable or address is missing."""
    api = client.Configuration()
    api.host = ""
    api.retries = False  # the caller retries
    api.keep_alive = True
    if access.in_cluster:
        _use_in_cluster(api, access, environ, account)
    elif access.kubeconfig:
        _use_kubeconfig(api, access)
    if access.in_cluster or not access.kubeconfig:
        api.host = access.host or api.host
        if access.insecure:
            api.verify_ssl, api.ssl_ca_cert = False, None
    if not api.host.startswith(("http://", "https://")):
        shown = f" {api.host}" if api.host else ""
        raise ConfigError(
            f"{access.flag}: invalid kubernetes master url specified{shown}: use the form http://HOST:PORT"
        )
    if access.use_service_account:
        _use_token_file(api, account / "token")
    return api


def log_warnings(access: Access, api: client.Configuration) -> None:
    """Log the ignored options and the unsafe settings; call it once."""
    where = {"flag": access.flag, "host": api.host}
    ignored = [name for name, given in (("the URI's host", access.host), ("insecure", access.insecure)) if given]
    if access.kubeconfig and not access.in_cluster and ignored:
        log.warning("options ignored: the kubeconfig is used instead", extra={"flag": access.flag, "ignored": ignored})
    if api.host.startswith("https:") and not api.verify_ssl:
        log.warning("the certificate of the API server is not verified", extra=where)
    if access.use_service_account and not api.api_key:
        log.warning("useServiceAccount: no token can be read, requests are sent without one", extra=where)
    if api.host.startswith("http:") and api.api_key:
        log.warning("no token is sent to the API server over plain http: use https", extra=where)


def _use_in_cluster(api: client.Configuration, access: Access, environ: Mapping[str, str], account: Path) -> None:
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    hint = "outside of a cluster, set inClusterConfig=false"
    if not host or not port:
        raise ConfigError(
            f"{access.flag}: inClusterConfig=true needs KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: {hint}"
        )
    if not _use_token_file(api, account / "token"):
        raise ConfigError(f"{access.flag}: inClusterConfig=true needs the token {account / 'token'}: {hint}")
    api.host = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    if (account / "ca.crt").is_file():
        api.ssl_ca_cert = str(account / "ca.crt")


def _use_kubeconfig(api: client.Configuration, access: Access) -> None:
    path = Path(access.kubeconfig).expanduser()
    try:
        path.read_bytes()  # the error of load_kube_config does not say why a file cannot be read
        config.load_kube_config(config_file=str(path), client_configuration=api)
    except (ConfigException, OSError, yaml.YAMLError, TypeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise ConfigError(f"{access.flag}: auth={access.kubeconfig}: {reason}") from error


def _use_token_file(api: client.Configuration, path: Path) -> bool:
    """Read the token from a file for each request, because projected tokens expire; whether it has one now."""

    def refresh(configuration: client.Configuration) -> None:
        token = _token(path)
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"

    refresh(api)
    found = bool(_token(path))
    if found or api.refresh_api_key_hook is None:  # else the kubeconfig's token stays in use
        api.refresh_api_key_hook = refresh  # type: ignore[assignment] # its type is guessed from None
    return found


def _token(path: Path) -> str:
    """The token; empty if the file is missing or unreadable."""
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""
