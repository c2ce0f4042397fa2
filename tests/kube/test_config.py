"""Which cluster is spoken with."""

import json
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.config import incluster_config

from funclet.kube.client import connect
from funclet.kube.cluster_port import ForbiddenError
from funclet.kube.config import InFile, InPod, NoClusterError, choose
from funclet.kube.connection import open_connection
from support.api_server import Server

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


def config(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}", "utf-8")
    return path


def test_the_file_that_is_given_comes_first(tmp_path: Path) -> None:
    given = config(tmp_path / "given")
    environ = {"KUBECONFIG": str(config(tmp_path / "other")), "HOME": str(tmp_path), **IN_POD}
    assert choose(given, "c", environ) == InFile(str(given), "c")


def test_then_what_kubeconfig_names_then_the_users_own_then_the_pod(tmp_path: Path) -> None:
    named, users = config(tmp_path / "named"), config(tmp_path / ".kube" / "config")
    environ = {"KUBECONFIG": f"/nowhere:{named}", "HOME": str(tmp_path), **IN_POD}
    assert choose(None, None, environ) == InFile(f"/nowhere:{named}")
    del environ["KUBECONFIG"]
    assert choose(None, "c", environ) == InFile(str(users), "c")
    users.unlink()
    assert choose(None, None, environ) == InPod()


@pytest.mark.parametrize(
    ("kubeconfig", "context", "environ", "said"),
    [
        (Path("/nowhere/config"), None, {}, "no kubeconfig at /nowhere/config"),
        (None, None, {"KUBECONFIG": "/nowhere/a:/nowhere/b"}, "KUBECONFIG names /nowhere/a:/nowhere/b"),
        (None, "c", IN_POD, "has no context c"),
        (None, None, {"HOME": "/nowhere"}, "no cluster is configured: give --kubeconfig"),
        (None, None, {}, "no cluster is configured"),
    ],
)
def test_a_person_is_told_what_is_missing(
    kubeconfig: Path | None, context: str | None, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(NoClusterError, match=said):
        choose(kubeconfig, context, environ)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "kubeconfig"),
        ("[]", "kubeconfig"),
        ("{a: [", "kubeconfig"),
        ("\x00", "kubeconfig"),
        ("current-context: c", "contexts"),
        ("{current-context: c, contexts: [{name: c, context: {cluster: x}}], clusters: []}", "name x"),
        (
            "{current-context: c, contexts: [{name: c, context: {cluster: x}}], clusters: [{name: x, cluster: {server: 'https://h'}}]}",
            "user",
        ),
    ],
)
async def test_a_file_that_cannot_be_used_is_named_with_the_reason(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text, "utf-8")
    with pytest.raises(NoClusterError, match=said) as refused:
        await connect(path)
    assert str(path) in str(refused.value)


async def test_a_pod_without_a_service_account_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in IN_POD.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(NoClusterError, match="no usable service account"):
        await open_connection(InPod())


async def test_a_context_is_chosen_by_name(api_server: Server, tmp_path: Path) -> None:
    document = json.loads(api_server.kubeconfig.read_text("utf-8"))
    document["contexts"].append({"name": "broken", "context": {"cluster": "none", "user": "none"}})
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(document), "utf-8")
    kube = await connect(path, document["current-context"])
    assert isinstance(await kube.list("Function", "default"), list)
    await kube.close()
    with pytest.raises(NoClusterError, match="none"):
        await connect(path, "broken")


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # the client's own
async def test_a_credential_plugin_is_asked_and_asked_again_when_its_token_runs_out(
    api_server: Server, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": api_server.plane.token, "expirationTimestamp": "2020-01-01T00:00:00Z"},
    }
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho >> {calls}\necho '{json.dumps(credential)}'\n", "utf-8")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    document = json.loads(api_server.kubeconfig.read_text("utf-8"))
    document["users"][0]["user"] = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(document), "utf-8")
    kube = await connect(path)
    await kube.list("Function", "default")
    await kube.close()
    assert len(calls.read_text("utf-8").splitlines()) == 2


async def test_a_credential_plugin_that_fails_is_named(api_server: Server, tmp_path: Path) -> None:
    document = json.loads(api_server.kubeconfig.read_text("utf-8"))
    document["users"][0]["user"] = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere/plugin"}
    }
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(NoClusterError, match="/nowhere/plugin"):
        await connect(path)


@pytest.fixture
def give_token(
    api_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], object]:
    """Surroundings like a pod's; replaces its token, which is looked at anew each time."""
    token = tmp_path / "token"
    host, port = api_server.plane.server.removeprefix("https://").split(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "HOME": str(tmp_path)}
    for name, value in {**environ, "KUBECONFIG": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(api_server.plane.authority))
    loader = incluster_config.InClusterConfigLoader
    read: Any = loader._read_token_file

    def read_for_now(self: Any) -> None:
        read(self)
        self.token_expires_at = datetime.min  # noqa: DTZ901 - the client's clock has no zone

    monkeypatch.setattr(loader, "_read_token_file", read_for_now)
    return token.write_text


async def test_in_a_pod_its_service_account_speaks_with_the_token_that_is_there_now(
    api_server: Server, give_token: Callable[[str], object]
) -> None:
    give_token("outdated")
    kube = await connect()
    with pytest.raises(ForbiddenError, match="Unauthorized"):
        await kube.list("Function", "default")
    give_token(api_server.plane.token)
    assert isinstance(await kube.list("Function", "default"), list)
    await kube.close()
