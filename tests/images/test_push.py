"""Images go to a registry by either tool, and the chart is told the digests that the registry has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.chart import parsed, render

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.processes

REPOSITORY = Path(__file__).parents[2]
IMAGES = ("funclet", "funclet-supervisor", "funclet-python", "funclet-node", "funclet-provided")
REGISTRY = "registry.example.com:5000/team"
#: A tool that writes down what it was told, has what FAKE_HAS names, and gives each name a digest of its own.
FAKE = """#!{python}
import hashlib, json, os, pathlib, sys
words = sys.argv[1:]
with open(os.environ["FAKE_LOG"], "a") as log:
    log.write(json.dumps([pathlib.Path(sys.argv[0]).name, *words]) + "\\n")
if words[0] == "inspect":
    sys.exit(words[-1] not in os.environ["FAKE_HAS"].split())
if words[0] == "push":
    if os.environ.get("FAKE_DENIED"):
        sys.exit("denied: the registry takes nothing from you")
    digest = "sha256:" + hashlib.sha256(words[-1].removeprefix("docker://").encode()).hexdigest()
    if "--digestfile" in words:
        pathlib.Path(words[words.index("--digestfile") + 1]).write_text(digest)
    else:
        print("The push refers to repository [" + words[-1] + "]")
        print("0.1.0: digest: " + digest + " size: 1234")
"""


def digest_of(name: str) -> str:
    return "sha256:" + sha256(f"{REGISTRY}/{name}:0.1.0".encode()).hexdigest()


class Push:
    """A push by a tool that only writes down."""

    def __init__(self, folder: Path, tool: str, **environment: str) -> None:
        self._log = folder / "log"
        self.values = folder / "images" / "values.json"
        self._archives = folder / "images" / "archives"
        self._archives.mkdir(parents=True)
        self._tool = tool
        programs = folder / "bin"
        programs.mkdir()
        fake = programs / tool
        fake.write_text(FAKE.format(python=sys.executable))
        fake.chmod(0o755)
        self._environment = {
            "PATH": str(programs),
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "e2e"), *sys.path]),
            "FUNCLET_IMAGES": str(self._archives),
            "FAKE_LOG": str(self._log),
            "FAKE_HAS": " ".join(f"localhost/{name}:0.1.0" for name in IMAGES),
            **environment,
        }

    def knows(self, built: Mapping[str, Any]) -> None:
        """Let the build have left this."""
        (self._archives / "images.json").write_text(json.dumps(built))

    def __call__(self, registry: str = REGISTRY) -> subprocess.CompletedProcess[str]:
        script = str(REPOSITORY / "runtime-images" / "push.py")
        return subprocess.run(
            [sys.executable, script, "--registry", registry, "--tag", "0.1.0", "--tool", self._tool],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def told(self, *verbs: str) -> list[list[str]]:
        """The tool's command lines of these verbs, without its name."""
        lines = [json.loads(line)[1:] for line in self._log.read_text().splitlines()]
        return [line for line in lines if line[0] in verbs]


@pytest.mark.parametrize("tool", ["buildah", "docker"])
def test_the_chart_is_told_where_the_images_are_and_by_which_digest(tmp_path: Path, tool: str) -> None:
    push = Push(tmp_path, tool)
    done = push()
    assert (done.returncode, done.stdout) == (0, f"{push.values}\n")
    values = json.loads(push.values.read_text())
    assert values["image"] == {
        "registry": "registry.example.com:5000",
        "repository": "team/funclet",
        "tag": "0.1.0",
        "digest": digest_of("funclet"),
    }
    rendered = render(values)
    (text,) = [
        each["data"]["platform.yaml"] for each in rendered.all("ConfigMap") if "platform.yaml" in each["data"]
    ]
    (platform,) = parsed(text)
    named = [platform["supervisorImage"], *(each["image"] for each in platform["runtimes"])]
    assert {each["ref"]: each["digest"] for each in named} == {
        f"{REGISTRY}/{name}:0.1.0": digest_of(name) for name in IMAGES if name != "funclet"
    }


def test_buildah_is_asked_for_the_digest_that_it_pushed(tmp_path: Path) -> None:
    push = Push(tmp_path, "buildah")
    push()
    lines = push.told("push")
    assert [line[:3] for line in lines] == [["push", "--quiet", "--digestfile"]] * len(IMAGES)
    assert [line[4:] for line in lines] == [
        [f"localhost/{name}:0.1.0", f"docker://{REGISTRY}/{name}:0.1.0"] for name in IMAGES
    ]


def test_docker_names_the_image_before_it_pushes_it_and_tells_the_digest(tmp_path: Path) -> None:
    push = Push(tmp_path, "docker")
    push()
    assert push.told("tag", "push") == [
        line
        for name in IMAGES
        for line in (
            ["tag", f"localhost/{name}:0.1.0", f"{REGISTRY}/{name}:0.1.0"],
            ["push", f"{REGISTRY}/{name}:0.1.0"],
        )
    ]


def test_the_version_of_python_is_the_one_that_was_built(tmp_path: Path) -> None:
    push = Push(tmp_path, "docker")
    push.knows({"funclet-python": {"runtime": "python3.11"}})
    push()
    assert json.loads(push.values.read_text())["runtimes"]["python"]["names"] == ["python3.11", "python"]


def test_an_image_that_is_not_built_is_named_and_none_is_pushed(tmp_path: Path) -> None:
    push = Push(tmp_path, "docker", FAKE_HAS=" ".join(f"localhost/{name}:0.1.0" for name in IMAGES[1:]))
    done = push()
    assert done.returncode == 1
    assert "docker does not have these images: localhost/funclet:0.1.0; make images" in done.stderr
    assert push.told("push") == []


@pytest.mark.parametrize("tool", ["buildah", "docker"])
def test_what_a_registry_refuses_is_told_and_no_values_are_written(tmp_path: Path, tool: str) -> None:
    push = Push(tmp_path, tool, FAKE_DENIED="1")
    done = push()
    assert done.returncode == 1
    assert "denied: the registry takes nothing from you" in done.stderr
    assert "Traceback" not in done.stderr
    assert not push.values.exists()


def test_a_slash_at_the_end_of_the_registry_s_name_counts_for_nothing(tmp_path: Path) -> None:
    push = Push(tmp_path, "docker")
    push(f"{REGISTRY}/")
    assert push.told("push")[0] == ["push", f"{REGISTRY}/funclet:0.1.0"]
