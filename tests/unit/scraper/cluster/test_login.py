import logging
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kubernetes import client

from scraper.cluster import login as logins
from scraper.cluster.credentials import Access, api_configuration
from scraper.cluster.login import Login
from tests.sources import kubeconfig

HTTPS, HTTP = "https://api.example.org:6443", "http://api.example.org:8080"
IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture(autouse=True)
def _short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "TOKEN_CACHE_S", 0.0)
    monkeypatch.setattr(logins, "REFRESH_INTERVAL_S", 0.0)


@pytest.fixture(autouse=True)
def _no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    assert not [record for record in caplog.records if "secret" in str(vars(record))]


def access(*, host: str = "", path: Path | None = None, in_cluster: bool = False, account: bool = False) -> Access:
    return Access(
        flag="--source=kubernetes",
        host=host,
        in_cluster=in_cluster,
        kubeconfig=str(path or ""),
        insecure=False,
        use_service_account=account,
    )


def account_login(account: Path, host: str = HTTPS, *, in_cluster: bool = False) -> Login:
    def read(options: Access) -> client.Configuration:
        return api_configuration(options, environ=IN_CLUSTER, account=account)

    return Login(access(host=host, in_cluster=in_cluster, account=not in_cluster), read)


def token(login: Login, url: str = HTTPS) -> str | None:
    return login.authorization(url).get("Authorization")


@pytest.mark.parametrize("in_cluster", [True, False])
def test_a_changed_service_account_token_is_read_again(tmp_path: Path, *, in_cluster: bool) -> None:
    path = tmp_path / "token"
    path.write_text("secret-1\n")
    login = account_login(tmp_path, in_cluster=in_cluster)
    assert token(login) == "Bearer secret-1"
    path.write_text("secret-2")
    assert token(login) == "Bearer secret-2"
    path.unlink()
    assert token(login) == "Bearer secret-2", "until there is another token"


def test_a_service_account_token_may_appear_later(tmp_path: Path) -> None:
    login = account_login(tmp_path)
    assert token(login) is None
    (tmp_path / "token").write_text("secret")
    assert token(login) == "Bearer secret"


def test_a_token_is_cached_for_a_short_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "TOKEN_CACHE_S", 60.0)
    (tmp_path / "token").write_text("secret-1")
    login = account_login(tmp_path)
    assert token(login) == "Bearer secret-1"
    (tmp_path / "token").write_text("secret-2")
    assert token(login) == "Bearer secret-1"


def test_no_token_is_sent_over_plain_http(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "token").write_text("secret")
    login = account_login(tmp_path, HTTP)
    assert token(login, f"{HTTP}/api/v1/pods") is None
    assert token(login, "https://10.0.0.1:10250/stats/summary") == "Bearer secret", "sent to kubelets over https"
    assert [record.getMessage() for record in caplog.records] == [
        "no token is sent to the API server over plain http: use https"
    ]


def test_a_changed_token_file_of_a_kubeconfig_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret-1")
    login = Login(access(path=kubeconfig(tmp_path, HTTPS, user=f"tokenFile: {path}")))
    assert token(login) == "Bearer secret-1"
    path.write_text("secret-2")
    assert token(login) == "Bearer secret-2"


def test_the_line_break_at_the_end_of_a_token_is_stripped(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret\n")
    login = Login(access(path=kubeconfig(tmp_path, HTTPS, user=f"tokenFile: {path}")))
    assert token(login) == "Bearer secret"


def test_a_token_with_illegal_characters_is_not_sent_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "token"
    path.write_text("secret")
    login = Login(access(path=kubeconfig(tmp_path, HTTPS, user=f"tokenFile: {path}")))
    for illegal in ("secret\nsecret", "secret\u20ac"):
        caplog.clear()
        path.write_text(illegal)
        assert [token(login), token(login)] == [None, None]
        assert [each.getMessage() for each in caplog.records] == [
            "token not sent: it has illegal characters, check its file"
        ]
    path.write_text("secret")
    assert token(login) == "Bearer secret"


def test_a_replaced_kubeconfig_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = kubeconfig(tmp_path, HTTPS, user="token: secret-1")
    login = Login(access(path=path))
    assert token(login) == "Bearer secret-1"
    path.write_text("half wri: [")
    assert [token(login), token(login)] == ["Bearer secret-1"] * 2
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage() == "credentials cannot be refreshed, keeping the current ones"
    kubeconfig(tmp_path, "https://other.example.org", user="token: secret-2")
    assert token(login) == "Bearer secret-2"
    assert login.configuration.host == "https://other.example.org"


def program(folder: Path, valid_s: int | None) -> str:
    """A kubeconfig user whose token comes from a program that counts its runs."""
    path = folder / "program"
    expiry = ""
    if valid_s is not None:
        until = (datetime.now(UTC) + timedelta(seconds=valid_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        expiry = f', "expirationTimestamp": "{until}"'
    path.write_text(
        textwrap.dedent(f"""\
            import os, sys
            runs = len(os.listdir({str(folder / "runs")!r}))
            if os.path.exists({str(folder / "broken")!r}):
                sys.exit("no network")
            open({str(folder / "runs")!r} + "/%d" % runs, "w")
            print('{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
                  '"status": {{"token": "secret-%d"{expiry}}}}}' % runs)
            """)
    )
    (folder / "runs").mkdir()
    return f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: {sys.executable}, args: [{path}]}}"


def test_a_program_does_not_run_again_while_its_token_is_valid(tmp_path: Path) -> None:
    login = Login(access(path=kubeconfig(tmp_path, HTTPS, user=program(tmp_path, valid_s=3600))))
    assert [token(login) for _ in range(3)] == ["Bearer secret-0"] * 3


def test_a_program_runs_again_when_its_token_expires(tmp_path: Path) -> None:
    login = Login(access(path=kubeconfig(tmp_path, HTTPS, user=program(tmp_path, valid_s=1))))
    assert token(login) == "Bearer secret-1"
    assert token(login) == "Bearer secret-2"


def test_a_failing_program_leaves_the_old_token_in_use(tmp_path: Path) -> None:
    login = Login(access(path=kubeconfig(tmp_path, HTTPS, user=program(tmp_path, valid_s=1))))
    assert token(login) == "Bearer secret-1"
    (tmp_path / "broken").touch()
    assert token(login) == "Bearer secret-1"


def test_a_program_runs_again_after_rejected_credentials(tmp_path: Path) -> None:
    login = Login(access(path=kubeconfig(tmp_path, HTTPS, user=program(tmp_path, valid_s=None))))
    assert [token(login), token(login)] == ["Bearer secret-0"] * 2
    login.credentials_rejected()
    assert [token(login), token(login)] == ["Bearer secret-1"] * 2
