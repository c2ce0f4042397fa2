import hashlib

import pytest

from funclet.plan.archive import zip_of
from support.examples import inline_handler, manifest, manifests

FILE = "versions/function.yaml"


def test_version_1_speaks_english_only() -> None:
    assert inline_handler(manifest(FILE, "hello-1"))({"name": "Ada", "language": "fr"}, None) == "Hello, Ada!"


@pytest.mark.parametrize(
    ("language", "greeting"), [({}, "Hello"), ({"language": "de"}, "Hallo"), ({"language": "fr"}, "Bonjour")]
)
def test_version_2_speaks_three_languages(language: dict[str, str], greeting: str) -> None:
    assert inline_handler(manifest(FILE, "hello-2"))({"name": "Ada"} | language, None) == f"{greeting}, Ada!"


def test_latest_is_what_was_published_last() -> None:
    latest, second = (manifest(FILE, name)["spec"] for name in ("hello", "hello-2"))
    assert {key: second[key] for key in latest} == latest


@pytest.mark.parametrize("name", ["hello-1", "hello-2"])
def test_a_version_names_the_hash_of_the_archive_that_funclet_packs(name: str) -> None:
    spec = manifest(FILE, name)["spec"]
    assert spec["codeSha256"] == hashlib.sha256(zip_of(spec["code"]["inline"])).hexdigest()


def test_the_alias_shares_calls_90_to_10_among_the_versions_that_there_are() -> None:
    alias = manifest(FILE, "hello-live")["spec"]
    numbers = {
        document["spec"]["version"] for document in manifests(FILE) if document["kind"] == "FunctionVersion"
    }
    assert alias["routingConfig"]["additionalVersionWeights"] == {"2": 0.1}
    assert {alias["version"], "2"} == numbers
