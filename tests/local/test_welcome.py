from dataclasses import replace
from pathlib import Path

import pytest

from funclet.api.settings import Code, VersionedSettings
from funclet.local.welcome import welcome
from funclet.plan.revision import ResolvedRuntime, Revision
from funclet.plan.routes import FunctionRoute, Unavailable

SETTINGS = VersionedSettings(runtime="python", handler="a.b", code=Code(inline={"a.py": ""}))


def route(name: str, *, runs: bool = True) -> FunctionRoute:
    runtime = ResolvedRuntime("python", "local:1")
    revision = Revision("k", "default", name, name, "$LATEST", SETTINGS, "0" * 64, runtime)
    latest = revision if runs else Unavailable("RuntimeNotAvailable", "no")
    return FunctionRoute("default", name, name, "arn", None, 1, 300.0, 0, {"$LATEST": latest}, {})


def told(*routes: FunctionRoute, state: str = ".funclet", wrong: bool = False) -> str:
    _, last = welcome(routes, url="http://x:1", admin_url="http://x:2", state=Path(state), wrong=wrong)
    return last


def test_the_addresses_and_the_token_come_first() -> None:
    first, _ = welcome((), url="http://x:1", admin_url="http://x:2", state=Path("/s"), wrong=False)
    assert first == "Lambda API at http://x:1, administration at http://x:2 (token in /s/admin.token)"


def test_the_example_is_one_that_can_run() -> None:
    assert told(route("b"), route("a", runs=False)) == (
        "Functions: a (cannot run), b. Try: funclet invoke b --payload '{}'"
    )
    assert told(route("a", runs=False)) == "Functions: a (cannot run)"


def test_what_still_serves_from_its_old_code_can_run() -> None:
    serving = route("a").versions["$LATEST"]
    assert isinstance(serving, Revision)
    assert "Try: funclet invoke a" in told(replace(route("a", runs=False), serving=serving))


@pytest.mark.parametrize(("state", "flag"), [("st", " --state st"), ("/a b", " --state '/a b'")])
def test_another_state_folder_is_named(state: str, flag: str) -> None:
    assert told(route("a"), state=state).endswith(f"--payload '{{}}'{flag}")


def test_nothing_to_call_is_told_with_what_to_do() -> None:
    assert told() == "No functions yet: add a manifest, or use funclet apply -f FILE."
    assert told(wrong=True) == "No function can be called yet: mend what is told above."
