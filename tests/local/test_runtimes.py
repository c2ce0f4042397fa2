import asyncio

import pytest

from funclet.local.runtimes import Interpreter, discover, resolve_all


def python(*version: int) -> Interpreter:
    return Interpreter("python", version, f"/usr/bin/python{'.'.join(map(str, version))}")


def node(*version: int) -> Interpreter:
    return Interpreter("nodejs", version, "/usr/bin/node")


@pytest.mark.parametrize(
    ("name", "installed", "chosen", "exact"),
    [
        ("python3.11", [python(3, 11, 7), python(3, 12, 1)], (3, 11, 7), True),
        ("python3.13", [python(3, 11, 7), python(3, 12, 1)], (3, 12, 1), False),
        ("python3.9", [python(3, 11, 7), python(3, 12, 1)], (3, 11, 7), False),
        ("python3.12", [python(3, 11, 7), python(3, 13, 0)], (3, 13, 0), False),
        ("python", [python(3, 11, 7), python(3, 13, 0)], (3, 11, 7), True),
        ("nodejs22.x", [node(20, 20, 2), node(24, 1, 0)], (24, 1, 0), False),
        ("nodejs20.x", [node(20, 20, 2), node(24, 1, 0)], (20, 20, 2), True),
        ("nodejs", [node(20, 20, 2), node(24, 1, 0)], (20, 20, 2), True),
    ],
)
def test_a_name_runs_on_its_version_or_on_the_nearest_with_a_warning(
    name: str, installed: list[Interpreter], chosen: tuple[int, ...], *, exact: bool
) -> None:
    runtime = resolve_all([name], installed)[name]
    assert runtime.interpreter is not None
    assert runtime.interpreter.version == chosen
    assert (runtime.resolved.warning is None) == exact


def test_a_warning_names_both_versions() -> None:
    runtime = resolve_all(["python3.13"], [python(3, 11, 7)])["python3.13"]
    assert runtime.resolved.warning == "python3.13 is not installed here; python 3.11.7 runs instead"


def test_a_language_that_is_not_installed_has_no_runtime_and_provided_needs_none() -> None:
    assert set(resolve_all(["python3.11", "nodejs", "provided", "provided.al2023", "java21"], [])) == {
        "provided",
        "provided.al2023",
    }


def test_the_digest_tells_interpreters_apart() -> None:
    first = resolve_all(["python"], [python(3, 11, 7)])["python"].resolved.digest
    same = resolve_all(["python3.11"], [python(3, 11, 7)])["python3.11"].resolved.digest
    other = resolve_all(["python"], [python(3, 11, 8)])["python"].resolved.digest
    assert first.startswith("local:")
    assert first == same != other


def test_provided_runs_the_bootstrap_of_the_code() -> None:
    assert resolve_all(["provided"], [])["provided"].command("x", "/code") == ["/code/bootstrap"]


@pytest.mark.processes
def test_this_machine_has_the_python_that_runs_this_test() -> None:
    found = asyncio.run(discover())
    assert found["python"].interpreter is not None
    assert ".venv" not in found["python"].interpreter.path
