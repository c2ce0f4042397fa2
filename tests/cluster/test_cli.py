"""`python -m cluster`, and the providers behind it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cluster import images, shell
from cluster.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

KIND = """\
case "$1 $2" in
  "get clusters") [ ! -f {folder}/made ] || echo funclet ;;
  "create cluster") cat > {folder}/config; touch {folder}/made; touch "${{10}}" ;;
  "delete cluster") rm {folder}/made ;;
esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only programs that are found; each notes its calls in `calls`. The cache is empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(shell, "PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def _add(folder: Path, name: str, script: str = "") -> None:
    (folder / name).write_text(
        f'#!/bin/sh\nPATH=/usr/bin:/bin\necho {name} "$@" >> {folder}/calls\n{script}\n', "utf-8"
    )
    (folder / name).chmod(0o755)


def test_the_current_cluster_is_never_changed(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs / "config").touch()
    monkeypatch.setenv("KUBECONFIG", str(programs / "config"))
    _add(programs, "kubectl")
    assert main(["up", "--provider", "current"]) == 0
    assert main(["down", "--provider", "current"]) == 0
    assert (programs / "calls").read_text("utf-8") == f"kubectl --kubeconfig={programs}/config version\n"


@pytest.mark.usefixtures("programs")
def test_a_missing_kubeconfig_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--provider", "current"]) == 3
    assert "/.kube/config is no kubeconfig: set KUBECONFIG" in capsys.readouterr().err


def test_kind_makes_its_cluster_once_and_deletes_no_other(programs: Path) -> None:
    _add(programs, "docker")
    _add(programs, "kubectl")
    _add(programs, "kind", KIND.format(folder=programs))
    for command in ("up", "up", "down"):
        assert main([command, "--provider", "kind"]) == 0
    calls = [
        line for line in (programs / "calls").read_text("utf-8").splitlines() if line.startswith("kind ")
    ]
    assert [line.split()[1] for line in calls] == ["get", "create", "get", "export", "delete"]
    assert calls[-1].startswith("kind delete cluster --name funclet ")
    assert "podPidsLimit: 256" in (programs / "config").read_text("utf-8")


@pytest.mark.usefixtures("programs")
def test_without_kind_a_person_is_told_how_to_get_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--provider", "kind"]) == 3
    assert "kind is not installed: go install sigs.k8s.io/kind@" in capsys.readouterr().err


def test_a_docker_that_does_not_answer_is_told_apart(
    programs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _add(programs, "kind")
    _add(programs, "docker", "exit 1")
    assert main(["up", "--provider", "kind"]) == 3
    assert "Docker is installed but does not answer" in capsys.readouterr().err


def test_the_host_provider_needs_root(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["up", "--provider", "host"]) == 3
    assert "as root: run it by sudo, or use --provider kind" in capsys.readouterr().err


def test_the_environment_picks_the_provider(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (programs / "config").touch()
    monkeypatch.setenv("KUBECONFIG", str(programs / "config"))
    monkeypatch.setenv("FUNCLET_CLUSTER", "current")
    assert main(["kubeconfig"]) == 0
    assert capsys.readouterr().out == f"{programs}/config\n"


def test_docker_builds_and_saves_where_it_answers(programs: Path, tmp_path: Path) -> None:
    _add(programs, "docker", '[ "$1" != save ] || touch "$3"')
    archive = images.build(tmp_path, "localhost/web:1", base="localhost/base:1", folder=tmp_path / "out")
    assert archive == images.Archive(tmp_path / "out" / "localhost-web-1.tar", "localhost/web:1")
    built = next(line for line in (programs / "calls").read_text("utf-8").splitlines() if "build" in line)
    assert built.endswith(
        f"-f {tmp_path}/Dockerfile -t localhost/web:1 --build-arg BASE=localhost/base:1 {tmp_path}"
    )


def test_a_base_that_can_be_pulled_is_taken_as_it_is(programs: Path) -> None:
    _add(programs, "docker", '[ "$1" != image ]')
    assert images.base("docker.io/library/python:3.13-slim") == "docker.io/library/python:3.13-slim"


def test_what_a_builder_says_when_it_fails_reaches_the_caller(programs: Path, tmp_path: Path) -> None:
    _add(programs, "docker", '[ "$1" != build ] || { echo "no such file: app.py" >&2; exit 1; }')
    with pytest.raises(Exception, match=r"docker build .* failed; it said:\nno such file: app.py"):
        images.build(tmp_path, "localhost/web:1")
