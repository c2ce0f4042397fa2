"""Who we are to an API server, for whoever speaks HTTP by itself."""

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from funclet.kube.config import InFile, InPod, NoClusterError
from funclet.kube.credentials import Credentials, find_credentials
from support.api_server import Server

CA = "not a certificate"


def written(
    path: Path, *, cluster: dict[str, Any], user: dict[str, Any] | None = None, **context: str
) -> InFile:
    """A kubeconfig with one context `c`."""
    document = {
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": cluster}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", **context}}],
    }
    path.write_text(json.dumps(document), "utf-8")
    return InFile(str(path))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a kubeconfig is put, with an environment that names no proxy."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "kubeconfig"


async def test_a_context_says_server_name_and_namespace(path: Path) -> None:
    found = await find_credentials(written(path, cluster={"server": "http://box:1/k"}, namespace="shop"))
    assert found == Credentials("http://box:1/k", None, None, None, None, "c", "shop")
    assert found.token is None


async def test_without_a_namespace_it_is_the_default_one(path: Path) -> None:
    assert (await find_credentials(written(path, cluster={"server": "http://box:1"}))).namespace == "default"


@pytest.mark.parametrize(
    ("user", "authorization", "token"),
    [
        ({"token": "abc"}, "Bearer abc", "abc"),
        ({"username": "a", "password": "b"}, "Basic YTpi", None),
        ({}, None, None),
    ],
)
async def test_a_bearer_token_is_told_from_other_credentials(
    path: Path, user: dict[str, str], authorization: str | None, token: str | None
) -> None:
    found = await find_credentials(written(path, cluster={"server": "http://box:1"}, user=user))
    assert (found.authorization, found.token) == (authorization, token)


async def test_credentials_are_not_shown_by_mistake(path: Path) -> None:
    found = await find_credentials(written(path, cluster={"server": "http://box:1"}, user={"token": "abc"}))
    assert "abc" not in repr(found)


async def test_a_server_that_must_not_be_checked_is_not(path: Path) -> None:
    cluster = {"server": "https://box:1", "insecure-skip-tls-verify": True, "tls-server-name": "api"}
    found = await find_credentials(written(path, cluster=cluster))
    assert found.tls is not None
    assert found.tls.verify_mode is ssl.CERT_NONE
    assert found.server_name == "api"


async def test_the_servers_authority_and_the_clients_certificate_are_those_of_the_kubeconfig(
    api_server: Server,
) -> None:
    found = await find_credentials(InFile(str(api_server.kubeconfig)))
    assert found.tls is not None
    assert len(found.tls.get_ca_certs()) == 1
    assert found.tls.verify_mode is ssl.CERT_REQUIRED
    assert found.context == "funclet-test"


async def test_certificates_that_are_none_are_told(path: Path, tmp_path: Path) -> None:
    (tmp_path / "ca").write_text(CA)
    cluster = {"server": "https://box:1", "certificate-authority": str(tmp_path / "ca")}
    with pytest.raises(NoClusterError, match="the certificates for https://box:1 cannot be used"):
        await find_credentials(written(path, cluster=cluster))


async def test_a_proxy_is_the_contexts_own_or_the_environments(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"server": "https://box:1", "proxy-url": "http://own:2"}
    other = {"server": "https://box:1"}
    monkeypatch.setenv("HTTPS_PROXY", "http://environments:3")
    assert (await find_credentials(written(path, cluster=own))).proxy == "http://own:2"
    assert (await find_credentials(written(path, cluster=other))).proxy == "http://environments:3"
    monkeypatch.setenv("NO_PROXY", "box")
    assert (await find_credentials(written(path, cluster=other))).proxy is None


async def test_a_pod_without_a_service_account_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(NoClusterError, match="no usable service account"):
        await find_credentials(InPod())
