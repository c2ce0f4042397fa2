from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.plan import reasons
from funclet.plan.observed import CodeState
from funclet.plan.revision import Platform, ResolvedRuntime, Revision
from funclet.plan.revisions import latest_revision, settings_hash, version_revision
from funclet.plan.routes import Unavailable
from support.objects import CODE, PLATFORM, PYTHON, SHA, function, version


def hash_of(**spec: Any) -> str:
    return settings_hash(function(**spec).spec, SHA)


def latest(code: str = SHA, platform: Platform = PLATFORM, **spec: Any) -> Revision:
    found = latest_revision(function(**spec), CodeState(code), platform)
    assert isinstance(found, Revision)
    return found


@given(st.integers(1, 8))
def test_spelling_of_quantities_does_not_matter(gibibytes: int) -> None:
    assert hash_of(memory=f"{gibibytes}Gi") == hash_of(memory=f"{gibibytes * 1024}Mi")
    assert hash_of(memory=f"{gibibytes}Gi") == hash_of(memory=gibibytes * 1024**3)


@given(st.integers(1, 15))
def test_spelling_of_durations_does_not_matter(minutes: int) -> None:
    assert (
        hash_of(timeout=f"{minutes}m")
        == hash_of(timeout=f"{minutes * 60}s")
        == hash_of(timeout=f"{minutes * 60}.0s")
    )


@given(
    st.dictionaries(
        st.from_regex("[A-Z][A-Z0-9]{0,5}", fullmatch=True), st.text("ab", max_size=5), min_size=2
    )
)
def test_the_order_of_variables_does_not_matter(variables: dict[str, str]) -> None:
    assert hash_of(environment=variables) == hash_of(environment=dict(reversed(variables.items())))


def test_defaults_written_out_change_nothing() -> None:
    assert hash_of() == hash_of(memory="128Mi", timeout="3s", environment={}, network={"egress": "Internet"})


@pytest.mark.parametrize(
    "spec",
    [
        {"memory": "256Mi"},
        {"timeout": "4s"},
        {"handler": "app.other"},
        {"environment": {"STAGE": "prod"}},
        {"layers": ["arn:aws:lambda:us-east-1:123456789012:layer:x:1"]},
        {"ephemeralStorage": "1Gi"},
        {"network": {"egress": "None"}},
        {"logging": {"format": "JSON"}},
        {"runtime": "python"},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_a_versioned_field_changes_the_hash(spec: dict[str, Any]) -> None:
    assert hash_of(**spec) != hash_of()


@pytest.mark.parametrize(
    "spec",
    [
        {"description": "x"},
        {"concurrency": {"reserved": 5}},
        {"scaling": {"idle": "1m"}},
        {"tags": {"a": "b"}},
        {"publish": "Auto"},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_a_function_level_field_changes_neither_hash_nor_revision(spec: dict[str, Any]) -> None:
    assert hash_of(**spec) == hash_of()
    assert latest(**spec).key == latest().key


def test_where_an_archive_lies_does_not_matter_but_its_bytes_do() -> None:
    inline = latest()
    blob = latest_revision(function(code={"zip": {"blob": SHA, "sha256": SHA}}), CODE, PLATFORM)
    assert isinstance(blob, Revision)
    assert blob.key == inline.key
    assert latest("b" * 64).key != inline.key


def test_a_patched_interpreter_makes_another_revision_but_no_news_to_publish() -> None:
    patched = Platform("1", "r", {"python3.11": ResolvedRuntime("python3.11", "local:9999")})
    assert latest(platform=patched).key != latest().key


def test_the_same_settings_as_latest_and_as_a_version_are_two_revisions() -> None:
    found = version_revision(version(1), function(), CODE, PLATFORM)
    assert isinstance(found, Revision)
    assert found.key != latest().key
    assert found.version == "1"


def test_a_missing_runtime_names_what_is_there() -> None:
    found = latest_revision(function(runtime="nodejs22.x"), CODE, PLATFORM)
    assert found == Unavailable(
        reasons.RUNTIME_NOT_AVAILABLE,
        "spec.runtime: nodejs22.x is not available here; available: provided, python, python3.11",
    )


def test_more_than_one_invocation_per_instance_is_not_supported() -> None:
    found = latest_revision(function(concurrency={"perInstance": 2}), CODE, PLATFORM)
    assert isinstance(found, Unavailable)
    assert found.reason == reasons.NOT_SUPPORTED
    assert "spec.concurrency.perInstance" in found.message


def test_code_other_than_the_frozen_one_is_refused() -> None:
    found = version_revision(version(1), function(), CodeState("b" * 64), PLATFORM)
    assert isinstance(found, Unavailable)
    assert found.reason == reasons.CODE_MISMATCH


CLUSTER = Platform("1", "r", {"python3.11": ResolvedRuntime("python3.11", "sha256:new")})


@pytest.mark.parametrize(
    ("frozen", "platform", "expected"),
    [
        ("local:1111", PLATFORM, PYTHON),
        (
            "local:0000",
            PLATFORM,
            ResolvedRuntime(
                "python3.11", "local:1111", "published on local:0000, runs on python3.11 (local:1111)"
            ),
        ),
        ("sha256:old", CLUSTER, ResolvedRuntime("python3.11", "sha256:old")),
        ("sha256:new", CLUSTER, ResolvedRuntime("python3.11", "sha256:new")),
    ],
    ids=[
        "the same interpreter",
        "a laptop takes the nearest",
        "a cluster pulls the old image",
        "the current image",
    ],
)
def test_a_version_runs_on_the_runtime_that_it_froze(
    frozen: str, platform: Platform, expected: ResolvedRuntime
) -> None:
    found = version_revision(version(1, runtimeDigest=frozen), function(), CODE, platform)
    assert isinstance(found, Revision)
    assert found.runtime == expected


def test_a_version_from_a_laptop_does_not_run_on_a_cluster() -> None:
    found = version_revision(version(1), function(), CODE, CLUSTER)
    assert isinstance(found, Unavailable)
    assert found.reason == reasons.RUNTIME_NOT_AVAILABLE
