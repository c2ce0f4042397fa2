"""In a pod the settings come from the environment, and the function inherits what is not the platform's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from funclet.supervisor.own_environment import Identity, passed_on
from funclet.supervisor.settings_error import SettingsError
from support.pod import POD
from support.supervisor import SUPERVISOR, python_command

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.conftest import Functions

ENVIRONMENT = "import os\ndef handler(event, context): return dict(os.environ)"

#: what the launcher does in a pod, before it runs what follows
HIDE = """
import os, sys
given = {{os.fsencode(name): value for name, value in {}.items()}}
hidden = {{bytes([name[0] | 0x80]) + name[1:]: value for name, value in given.items()}}
os.execve(sys.argv[1], sys.argv[1:], hidden)
"""


@pytest.mark.processes
def test_the_function_inherits_what_the_image_and_the_pod_say(functions: Functions) -> None:
    supervisor = functions.python(
        ENVIRONMENT,
        inherit_environment=True,
        environment={"STAGE": "test"},
        variables={"STAGE": "of the image", "DATABASE": "s3cret=é\n", "EMPTY": ""},
    )
    told = supervisor.invoke().json
    assert (told["STAGE"], told["DATABASE"], told["EMPTY"]) == ("test", "s3cret=é\n", "")
    assert told["AWS_LAMBDA_FUNCTION_NAME"] == "hello"


@pytest.mark.processes
def test_what_is_the_platforms_is_not_inherited(functions: Functions) -> None:
    supervisor = functions.python(
        ENVIRONMENT, inherit_environment=True, variables={**POD, "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    )
    told = supervisor.invoke().json
    assert not {name for name in told if name.startswith(("FUNCLET_POD", "KUBERNETES_"))}


@pytest.mark.processes
def test_without_being_told_nothing_is_inherited(functions: Functions) -> None:
    assert "STAGE" not in functions.python(ENVIRONMENT, variables={"STAGE": "x"}).invoke().json


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "--settings env:FUNCLET_SETTINGS: there is no such variable"),
        ({"FUNCLET_SETTINGS": "{"}, "the settings are not JSON"),
        ({"FUNCLET_SETTINGS": json.dumps({"colour": "red"})}, "unknown setting 'colour'"),
    ],
)
def test_settings_in_a_variable_are_refused_as_those_in_a_file(variables: dict[str, str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SUPERVISOR), "--settings", "env:FUNCLET_SETTINGS"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr


def test_what_this_process_adds_to_its_environment_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCLET_TEST_ADDED", "x")
    monkeypatch.setenv("ADDED_LATER", "x")
    assert "ADDED_LATER" not in passed_on()
    assert "PATH" in passed_on()


@pytest.mark.processes
def test_what_the_launcher_hid_is_passed_on_as_it_was_given(functions: Functions, tmp_path: Path) -> None:
    start = tmp_path / "start"
    start.write_text('#!/bin/sh\nexec "$@"\n')
    start.chmod(0o755)
    given = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "LD_PRELOAD": "", "NAME": "é"}
    given = {name: value for name, value in given.items() if name[0].isascii()}
    supervisor = functions.command(
        ["start", *python_command("app.handler")],
        {"app.py": ENVIRONMENT},
        inherit_environment=True,
        under=[sys.executable, "-c", HIDE.format(given)],
    )
    told = supervisor.invoke().json
    assert (told["LD_PRELOAD"], told["NAME"]) == ("", "é")


@pytest.mark.parametrize("name", sorted(POD))
@pytest.mark.parametrize("value", ["", 'a"b', "a b", "a\nb", "é"])
def test_a_pod_knows_who_it_is_or_the_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Identity({**POD, name: value})
