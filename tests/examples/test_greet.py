from types import SimpleNamespace

import pytest

from support.examples import Handler, inline_handler, manifest


@pytest.fixture
def greet(monkeypatch: pytest.MonkeyPatch) -> Handler:
    document = manifest("greet.yaml", "greet")
    for name, value in document["spec"]["environment"].items():
        monkeypatch.setenv(name, value)
    return inline_handler(document)


CONTEXT = SimpleNamespace(function_version="7")


def test_the_event_is_greeted_by_name(greet: Handler) -> None:
    assert greet({"name": "Ada"}, CONTEXT) == {"message": "Hello, Ada!", "version": "7"}


def test_an_event_without_a_name_greets_the_world(greet: Handler) -> None:
    assert greet({}, CONTEXT)["message"] == "Hello, world!"


def test_the_word_comes_from_the_environment(greet: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREETING", "Moin")
    assert greet({"name": "Ada"}, CONTEXT)["message"] == "Moin, Ada!"
