import logging
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from scraper.cluster.credentials import Access, api_configuration
from scraper.cluster.login import Login
from scraper.config import SourceConfig

OUTSIDE = "inClusterConfig=false"
IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "ca.crt").write_text("a certificate")
    return tmp_path


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(
        "current-context: x\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://api.example.org:6443', insecure-skip-tls-verify: true}}]\n"
        "users: [{name: u, user: {token: of-a-user}}]\n"
    )
    return path


def access(
    host: str = "", *, in_cluster: bool = False, kubeconfig: str = "", insecure: bool = False, account: bool = False
) -> Access:
    return Access(
        flag="--source=kubernetes",
        host=host,
        in_cluster=in_cluster,
        kubeconfig=kubeconfig,
        insecure=insecure,
        use_service_account=account,
    )


def test_defaults_are_those_of_heapster() -> None:
    config = SourceConfig.parse((f"kubernetes:http://h:8080?{OUTSIDE}",))
    assert config.login.configuration.host == "http://h:8080"
    assert config.login.configuration.verify_ssl
    assert config.login.configuration.auth_settings() == {}
    assert (config.kubelets.port, config.kubelets.https, config.kubelets.node_status_port) == (10255, False, False)
    assert config.host_id_annotation == ""
    assert not config.cadvisor
    assert (config.address_types, config.node_selector) == ((), "")


def test_all_options_are_read() -> None:
    source = (
        f"kubernetes:https://h?{OUTSIDE}&kubeletPort=10250&kubeletHttps=T&apiVersion=v1&insecure=1&auth="
        "&useServiceAccount=f&host_id_annotation=example.org/machine&nodeStatusPort=true&kubeletInsecure=true&cadvisor=t"
        "&kubeletProxy=false&addressTypes=ExternalIP,%20Hostname&labelSelector=zone%3Da,!gpu"
    )
    config = SourceConfig.parse((source,))
    assert not config.login.configuration.verify_ssl
    assert (config.kubelets.port, config.kubelets.https, config.kubelets.node_status_port) == (10250, True, True)
    assert config.host_id_annotation == "example.org/machine"
    assert config.cadvisor
    assert config.kubelets.insecure
    assert config.address_types == ("ExternalIP", "Hostname")
    assert config.node_selector == "zone=a,!gpu"


def test_a_source_outside_of_the_cluster() -> None:
    config = SourceConfig.parse(("kubernetes:http://10.0.0.1:8080?inClusterConfig=false&useServiceAccount=false",))
    assert config.login.configuration.host == "http://10.0.0.1:8080"
    assert config.kubelets.port == 10255


@pytest.mark.parametrize("key", ["kubernetes", "kubernetes.summary_api"])
def test_both_keys_mean_the_summary_api(key: str) -> None:
    assert SourceConfig.parse((f"{key}:http://h?{OUTSIDE}",)).login.configuration.host == "http://h"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://h:8080/path/", "http://h:8080"),
        ("http://me:pw@h:8080", "http://h:8080"),
        ("https://[fd00::1]:6443", "https://[fd00::1]:6443"),
    ],
)
def test_only_scheme_host_and_port_of_the_uri_are_used(uri: str, expected: str) -> None:
    assert SourceConfig.parse((f"kubernetes:{uri}?{OUTSIDE}",)).login.configuration.host == expected


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ((), "--source is missing: name the cluster to read, for example --source=kubernetes"),
        (("cadvisor:http://h",), "--source=cadvisor: unknown source: use kubernetes"),
        (("Kubernetes:",), "--source=Kubernetes: unknown source: use kubernetes"),
        (("kubernetes:", "kubernetes:"), "--source: Wrong number of sources specified: 2"),
        (("kubernetes.foo",), "--source=kubernetes.foo: unknown source"),
        (("",), "--source: missing uri key in ''"),
        ((":foo",), "--source: missing uri key in ':foo'"),
        (("kubernetes:http://h/%gh",), "--source: 'kubernetes:http://h/%gh'"),
        (
            ("kubernetes:http://h?inClusterConfig=no",),
            "--source=kubernetes: the option `inClusterConfig`: 'no'",
        ),
        (("kubernetes:http://h?insecure=",), "--source=kubernetes: the option `insecure`: ''"),
        (("kubernetes:http://h?kubeletHttps=2",), "--source=kubernetes: the option `kubeletHttps`: '2'"),
        (
            ("kubernetes:http://h?useServiceAccount=x",),
            "--source=kubernetes: the option `useServiceAccount`: 'x'",
        ),
        (("kubernetes:http://h?nodeStatusPort=x",), "--source=kubernetes: the option `nodeStatusPort`: 'x'"),
        (
            (f"kubernetes:http://h?{OUTSIDE}&addressTypes=InternalIP,LegacyHostIP",),
            "--source=kubernetes: addressTypes: 'LegacyHostIP' is unknown, use ExternalDNS, ExternalIP, Hostname, Int",
        ),
        (("kubernetes:http://h?kubeletPort=x",), "--source=kubernetes: the option `kubeletPort`: 'x'"),
        (
            ("kubernetes:http://h?kubeletPort=0",),
            "--source=kubernetes: the option `kubeletPort` can only be 1 or more, not 0",
        ),
        (
            ("kubernetes:http://h?kubeletPort=65536",),
            "--source=kubernetes: the option `kubeletPort` can only be 65535 or less",
        ),
        ((f"kubernetes:?{OUTSIDE}",), "--source=kubernetes: invalid kubernetes master url specified"),
        ((f"kubernetes:h:8080?{OUTSIDE}",), "--source=kubernetes: invalid kubernetes master url specified"),
        ((f"kubernetes:ftp://h?{OUTSIDE}",), "--source=kubernetes: ftp:// is not supported: use http:// or https://"),
        (
            ("kubernetes:http://h?inClusterconfig=false",),
            "--source=kubernetes: unknown option `inClusterconfig`: did you mean `inClusterConfig`?",
        ),
        (("kubernetes",), "--source=kubernetes: inClusterConfig=true needs KUBERNETES_SERVICE_HOST"),
    ],
)
def test_an_invalid_source_is_rejected(sources: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError) as raised:
        SourceConfig.parse(sources)
    assert str(raised.value).startswith(message)


def test_an_ignored_api_version_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        SourceConfig.parse((f"kubernetes:http://h?{OUTSIDE}&apiVersion=v2",))
    assert [record.getMessage() for record in caplog.records] == ["apiVersion is ignored: v1 is always used"]


def test_in_a_cluster_host_ca_and_token_are_those_of_the_pod(account: Path) -> None:
    api = api_configuration(access(in_cluster=True), environ=IN_CLUSTER, account=account)
    assert api.host == "https://10.96.0.1:443"
    assert api.ssl_ca_cert == str(account / "ca.crt")
    assert api.auth_settings()["BearerToken"]["value"] == "Bearer secret"


def test_in_an_ipv6_cluster(account: Path) -> None:
    environ = {**IN_CLUSTER, "KUBERNETES_SERVICE_HOST": "fd00::1"}
    assert api_configuration(access(in_cluster=True), environ=environ, account=account).host == "https://[fd00::1]:443"


def test_a_replaced_token_is_used_and_nothing_else_changes(account: Path) -> None:
    api = api_configuration(access("https://h:1", in_cluster=True), environ=IN_CLUSTER, account=account)
    (account / "token").write_text("fresh")
    assert api.auth_settings()["BearerToken"]["value"] == "Bearer fresh"
    (account / "token").unlink()
    assert api.auth_settings()["BearerToken"]["value"] == "Bearer fresh"
    assert api.host == "https://h:1"


def test_in_a_cluster_insecure_disables_the_ca(account: Path) -> None:
    api = api_configuration(access(in_cluster=True, insecure=True), environ=IN_CLUSTER, account=account)
    assert (api.verify_ssl, api.ssl_ca_cert) == (False, None)


def test_in_a_cluster_a_missing_ca_file_is_accepted(account: Path) -> None:
    (account / "ca.crt").unlink()
    assert api_configuration(access(in_cluster=True), environ=IN_CLUSTER, account=account).ssl_ca_cert is None


def test_in_a_cluster_a_missing_token_is_an_error(account: Path) -> None:
    (account / "token").unlink()
    with pytest.raises(
        ConfigError,
        match=r"inClusterConfig=true needs the token .*/token: outside of a cluster, set inClusterConfig=false",
    ):
        api_configuration(access(in_cluster=True), environ=IN_CLUSTER, account=account)


def test_a_kubeconfig_overrides_host_and_insecure(kubeconfig: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = access("http://h", kubeconfig=str(kubeconfig), insecure=True)
    with caplog.at_level(logging.WARNING):
        api = Login(options).configuration
    assert api.host == "https://api.example.org:6443"
    assert api.auth_settings()["BearerToken"]["value"] == "Bearer of-a-user"
    assert vars(caplog.records[0])["ignored"] == ["the URI's host", "insecure"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("", "file is empty"),
        ("a: [", "while parsing a flow node"),
        ("text", "object does not support item assignment"),
        ("- a", "list indices must be integers"),
        ("kind: Config", "Expected key current-context"),
        ("current-context: x\ncontexts: []", "Expected object with name x"),
    ],
)
def test_an_invalid_kubeconfig_is_an_error_in_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as raised:
        api_configuration(access(kubeconfig=str(path)))
    assert str(raised.value).startswith(f"--source=kubernetes: auth={path}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_service_account_overrides_the_token(kubeconfig: Path, account: Path) -> None:
    api = api_configuration(access(kubeconfig=str(kubeconfig), account=True), account=account)
    assert api.auth_settings()["BearerToken"]["value"] == "Bearer secret"


def test_an_unreadable_service_account_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        login = Login(access("http://h", account=True), lambda options: api_configuration(options, account=tmp_path))
    assert login.configuration.auth_settings() == {}
    assert caplog.records[0].getMessage() == "useServiceAccount: no token can be read, requests are sent without one"
