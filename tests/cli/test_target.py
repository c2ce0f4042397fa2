"""Whom a command speaks with."""

from pathlib import Path
from typing import Any

import pytest

from funclet.cli.connection import Connection
from funclet.cli.errors import CliError, Exit
from funclet.cli.target import OneCluster, OneGateway, decide
from funclet.kube.config import InFile, InPod


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text("{}")
    return path


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def nobody() -> bool:
    return False


def somebody() -> bool:
    return True


@pytest.mark.parametrize("flags", [{"context": "prod"}, {"context": "prod", "url": "http://box:1"}])
@pytest.mark.parametrize("has_state", [True, False])
def test_a_cluster_that_is_named_comes_before_all_else(
    kubeconfig: Path, flags: dict[str, Any], *, has_state: bool
) -> None:
    if has_state:
        Path(".funclet").mkdir()
    found = decide(Connection(**flags), {"KUBECONFIG": str(kubeconfig)}, somebody)
    assert found == OneCluster(InFile(str(kubeconfig), "prod"), named=True)


def test_a_kubeconfig_that_is_named_is_a_cluster_that_is_named(kubeconfig: Path) -> None:
    found = decide(Connection(kubeconfig=kubeconfig), {}, somebody)
    assert found == OneCluster(InFile(str(kubeconfig)), named=True)


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        ({"url": "http://box:1"}, "or set FUNCLET_URL"),
        ({"admin_url": "http://box:1"}, "or set FUNCLET_URL"),
        ({"state": Path("elsewhere")}, "elsewhere means local mode"),
    ],
)
def test_a_gateway_or_a_state_folder_that_is_named_comes_before_the_cluster_of_kubectl(
    kubeconfig: Path, flags: dict[str, Any], hint: str
) -> None:
    found = decide(Connection(**flags), {"KUBECONFIG": str(kubeconfig)}, nobody)
    assert isinstance(found, OneGateway)
    assert hint in found.hint
    assert "--context" in found.hint


@pytest.mark.parametrize(
    ("endpoints", "hint"),
    [("http://127.0.0.1:5\nhttp://127.0.0.1:6\n", "start it anew"), (None, "none runs there")],
)
def test_a_state_folder_means_local_mode_whether_it_runs_or_not(
    kubeconfig: Path, endpoints: str | None, hint: str
) -> None:
    Path(".funclet").mkdir()
    if endpoints:
        Path(".funclet/endpoints").write_text(endpoints)
    found = decide(Connection(), {"KUBECONFIG": str(kubeconfig)}, nobody)
    assert isinstance(found, OneGateway)
    assert hint in found.hint


def test_local_mode_that_runs_elsewhere_on_this_machine_comes_before_the_cluster_of_kubectl(
    kubeconfig: Path,
) -> None:
    assert isinstance(decide(Connection(), {"KUBECONFIG": str(kubeconfig)}, somebody), OneGateway)


def test_with_no_sign_of_local_mode_it_is_the_cluster_that_kubectl_would_use(kubeconfig: Path) -> None:
    found = decide(Connection(), {"KUBECONFIG": str(kubeconfig)}, nobody)
    assert found == OneCluster(InFile(str(kubeconfig)), named=False)
    in_pod = decide(Connection(), {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, nobody)
    assert in_pod == OneCluster(InPod(), named=False)


def test_where_there_is_nobody_it_says_where_it_looked(tmp_path: Path) -> None:
    environ = {"KUBECONFIG": f"{tmp_path}/missing"}
    with pytest.raises(CliError, match="Nobody to speak with") as refused:
        decide(Connection(), environ, nobody)
    assert refused.value.status is Exit.UNREACHABLE
    told = str(refused.value)
    for words in ("FUNCLET_URL", ".funclet", "127.0.0.1:8701", f"{tmp_path}/missing", "funclet local PATH"):
        assert words in told


def test_a_cluster_that_is_named_and_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="There is no kubeconfig at") as refused:
        decide(Connection(kubeconfig=tmp_path / "missing"), {}, somebody)
    assert refused.value.status is Exit.USAGE
