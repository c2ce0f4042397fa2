import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.plan.capability import announce_capability, code_capability
from funclet.plan.images import program
from funclet.plan.pod_settings import pod_settings
from funclet.plan.revision import Revision
from funclet.plan.supervisor_settings import as_variable
from support.objects import SHA
from support.rendering import APP_IMAGE, CAPABILITY_KEY, cluster, revision


def settings(of: Revision) -> dict[str, Any]:
    there = cluster()
    runs = program(of, there.config)
    return pod_settings(of, there, getattr(runs, "command", ()))


def expanded(text: str) -> str:
    """What a kubelet makes of a variable's value, with no other variable known (its expansion.Expand)."""
    out, at = "", 0
    while at < len(text):
        two = text[at : at + 2]
        out += "$" if two == "$$" else text[at]
        at += 2 if two == "$$" else 1
    return out


def test_a_runtime_is_told_its_handler() -> None:
    assert settings(revision(handler="src/app.run"))["command"] == [
        "/funclet/bin/runtime-python",
        "src/app.run",
    ]


def test_code_is_fetched_by_its_hash_with_a_capability_for_it_alone() -> None:
    assert settings(revision())["code"] == {
        "url": f"http://funclet-gateway-internal.funclet-system.svc:8702/code/{revision().namespace}/{SHA}",
        "sha256": SHA,
        "capability": code_capability(CAPABILITY_KEY, revision().namespace, SHA),
        "folder": "/var/task",
    }


def test_a_pod_announces_itself_with_a_capability_for_its_revision() -> None:
    one = revision()
    announce = settings(one)["announce"]
    assert announce["url"] == "http://funclet-gateway-internal.funclet-system.svc:8702/announce"
    assert announce["capability"] == announce_capability(CAPABILITY_KEY, "default", one.key)


def test_keys_of_gateways_are_in_hex() -> None:
    assert settings(revision())["keys"] == [{"id": "k1", "n": "c0ffee", "e": "10001"}]


def test_an_image_brings_its_own_code_command_and_folder() -> None:
    told = settings(revision(code={"image": APP_IMAGE}))
    assert "code" not in told
    assert told["command"] == APP_IMAGE["command"]
    assert told["working_directory"] == "."
    assert "AWS_EXECUTION_ENV" not in told["environment"]


def test_an_image_may_say_where_it_works() -> None:
    told = settings(revision(code={"image": {**APP_IMAGE, "workingDirectory": "/srv"}}))
    assert told["working_directory"] == "/srv"


def test_reserved_variables_are_the_platforms() -> None:
    told = settings(revision(environment={"STAGE": "prod"}, memory="256Mi"))
    assert told["environment"]["STAGE"] == "prod"
    assert told["environment"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert told["environment"]["LAMBDA_TASK_ROOT"] == "/var/task"


@pytest.mark.parametrize("name", ["PATH", "LANG", "TZ", "AWS_LAMBDA_LOG_STREAM_NAME"])
def test_what_the_image_and_the_pod_know_better_is_left_to_them(name: str) -> None:
    assert name not in settings(revision())["environment"]


@given(st.dictionaries(st.from_regex("[A-Z][A-Z0-9]{0,5}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_equal_settings_are_equal_bytes(variables: dict[str, str]) -> None:
    one = settings(revision(environment=variables))
    other = settings(revision(environment=dict(reversed(variables.items()))))
    assert as_variable(one) == as_variable(other)


@given(st.text(alphabet='$(){}"\\ abFUNCLET_POD_UID', max_size=60))
def test_a_kubelet_leaves_the_settings_as_they_are(value: str) -> None:
    text = as_variable({"environment": {"X": value}})
    assert expanded(text) == text
    assert "$" not in text
    assert json.loads(text)["environment"]["X"] == value


def test_settings_in_a_variable_are_ascii() -> None:
    assert as_variable({"x": "grüße 🎉"}).isascii()
