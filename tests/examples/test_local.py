"""The whole folder behind `funclet local`, as its README says."""

from pathlib import Path

import pytest

from support.examples import EXAMPLES
from support.local import local_mode, until

pytestmark = pytest.mark.processes

#: without thumbnail, whose zip may not be built
FUNCTIONS = ("checksum", "csv-to-json", "greet", "hello:live", "word-count")


def test_every_function_of_the_folder_and_of_those_below_it_can_be_called(tmp_path: Path) -> None:
    with local_mode(EXAMPLES, state=tmp_path / "state") as local:
        until(lambda: all(map(local.known, FUNCTIONS)), "all are known")


def test_an_alias_applied_with_its_function_gets_the_first_version(tmp_path: Path) -> None:
    with local_mode(EXAMPLES / "greet.yaml", state=tmp_path / "state") as local:
        local.said("Alias greet-live: points to version 1")
        answer = local.invoke("greet:live", {"name": "Ada"})
        assert answer.json == {"message": "Hello, Ada!", "version": "1"}
