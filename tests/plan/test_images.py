import dataclasses

import pytest

from funclet.plan import reasons
from funclet.plan.images import Program, program, repository, resolved_runtimes
from funclet.plan.revision import ResolvedRuntime
from funclet.plan.routes import Unavailable
from support.objects import SHA
from support.rendering import APP_IMAGE, PYTHON_DIGEST, cluster, revision

CONFIG = cluster().config


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("app", "app"),
        ("app:1.2", "app"),
        ("host:5000/app", "host:5000/app"),
        ("host:5000/team/app:1.2", "host:5000/team/app"),
        ("host/app@sha256:00", "host/app"),
        ("host:5000/app:1@sha256:00", "host:5000/app"),
    ],
)
def test_a_repository_has_no_tag_and_no_digest(ref: str, name: str) -> None:
    assert repository(ref) == name


def test_a_bare_name_means_the_full_one_beside_it() -> None:
    assert resolved_runtimes(CONFIG)["python"] == ResolvedRuntime("python3.13", PYTHON_DIGEST)


def test_a_runtime_runs_by_its_digest() -> None:
    runs = program(revision(), CONFIG)
    assert isinstance(runs, Program)
    assert runs.image == f"funclet.example/python3.13@{PYTHON_DIGEST}"


def test_an_older_digest_is_looked_for_beside_the_current_one() -> None:
    older = ResolvedRuntime("python3.13", "sha256:" + "0" * 64)
    runs = program(dataclasses.replace(revision(), runtime=older), CONFIG)
    assert isinstance(runs, Program)
    assert runs.image == f"funclet.example/python3.13@{older.digest}"


def test_a_runtime_that_no_image_here_has_cannot_run() -> None:
    gone = dataclasses.replace(revision(), runtime=ResolvedRuntime("ruby3.2", "sha256:" + "0" * 64))
    refused = program(gone, CONFIG)
    assert isinstance(refused, Unavailable)
    assert refused.reason == reasons.RUNTIME_NOT_AVAILABLE


def test_an_image_function_runs_by_the_digest_that_its_tag_was_resolved_to() -> None:
    runs = program(revision(code={"image": APP_IMAGE}), CONFIG)
    assert isinstance(runs, Program)
    assert runs.image == f"registry.example/team/app@sha256:{SHA}"


def test_an_image_without_a_command_is_told_what_to_write() -> None:
    refused = program(revision(code={"image": {"ref": "app:1"}}), CONFIG)
    assert isinstance(refused, Unavailable)
    assert refused.reason == reasons.IMAGE_COMMAND_MISSING
    assert refused.message.startswith("spec.code.image.command: is required on a cluster")
