from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.api.alias import Alias
from funclet.plan.observed import FunctionObserved
from funclet.plan.publish import next_number
from support.objects import CODE, PlainStore, alias, alias_manifest, function, function_manifest, version


def weighted(to: str, other: str) -> Alias:
    return alias("live", to, routingConfig={"additionalVersionWeights": {other: 0.1}})


def number(last: int = 0, existing: tuple[int, ...] = (), aliases: tuple[Alias, ...] = ()) -> int:
    observed = FunctionObserved(CODE, versions=tuple(map(version, existing)), aliases=aliases)
    return next_number(function(status={"lastVersion": last}), observed)


@pytest.mark.parametrize(
    ("last", "existing", "aliases", "given"),
    [
        (0, (), (), 1),
        (0, (), (alias("live", "1"),), 1),
        (0, (), (alias("live", "1"), alias("beta", "1")), 1),
        (0, (), (alias("live", "1"), alias("dev", "$LATEST")), 1),
        (0, (), (alias("dev", "$LATEST"),), 1),
        (0, (), (alias("live", "2"),), 3),
        (0, (), (alias("live", "1"), alias("beta", "2")), 3),
        (0, (), (weighted("1", "2"),), 3),
        (1, (), (alias("live", "1"),), 2),
        (0, (1,), (alias("live", "1"),), 2),
        (0, (5,), (alias("live", "1"),), 6),
        (4, (2,), (alias("live", "9"),), 10),
    ],
    ids=[
        "nothing is remembered",
        "an alias waits for the first",
        "several wait for it",
        "one waits, one is at $LATEST",
        "$LATEST is no number",
        "an alias to 2 speaks of a lost version",
        "so does one of several",
        "so does a weight",
        "the first was given out, and is gone",
        "the first is there",
        "another is there",
        "the greatest counts",
    ],
)
def test_the_next_number(
    last: int, existing: tuple[int, ...], aliases: tuple[Alias, ...], given: int
) -> None:
    assert number(last, existing, aliases) == given


@pytest.mark.parametrize(
    ("last", "unused", "existing", "aliases", "given"),
    [
        (3, 3, (1, 2), (), 3),
        (3, 3, (1, 2), (alias("live", "3"),), 3),
        (3, 2, (1,), (), 4),
        (3, None, (1, 2), (), 4),
        (3, 3, (3,), (), 4),
        (3, 3, (5,), (), 6),
        (3, 3, (), (alias("live", "9"),), 10),
    ],
    ids=[
        "its version was refused",
        "an alias waits for it",
        "another was given out since",
        "nobody knows that there was none",
        "somebody made one of it",
        "somebody made a later one",
        "an alias speaks of a lost one",
    ],
)
def test_a_number_is_given_again_only_where_there_never_was_a_version_of_it(
    last: int, unused: int | None, existing: tuple[int, ...], aliases: tuple[Alias, ...], given: int
) -> None:
    about = function(status={"lastVersion": last, **({"unusedVersion": unused} if unused else {})})
    observed = FunctionObserved(CODE, versions=tuple(map(version, existing)), aliases=aliases)
    assert next_number(about, observed) == given


def test_a_version_freezes_where_its_secrets_and_config_maps_are() -> None:
    """By reference: what is in them may change, and which keys go where may not."""
    references: dict[str, Any] = {
        "secrets": [{"name": "db", "variables": {"PASSWORD": "password"}}, {"name": "tls", "mountPath": "/etc/tls"}],
        "configMaps": [{"name": "settings", "prefix": ""}],
    }  # fmt: skip
    store = PlainStore()
    store.apply(function_manifest(publish="Auto", **references))
    store.settle()
    (frozen,) = store.versions()
    kept = frozen.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert {field: kept[field] for field in references} == references
    store.apply(function_manifest(publish="Auto", secrets=[{"name": "other", "prefix": ""}]))
    store.settle()
    first, second = store.versions()
    assert first.spec == frozen.spec
    assert [each.name for each in second.spec.secrets] == ["other"]
    assert second.spec.config_maps == []


numbers = st.integers(1, 5)


@given(st.integers(0, 5), st.sets(numbers, max_size=3), st.lists(numbers, max_size=3))
def test_what_was_given_out_is_never_given_out_again(last: int, existing: set[int], named: list[int]) -> None:
    aliases = tuple(alias(f"a{index}", str(each)) for index, each in enumerate(named))
    given = number(last, tuple(existing), aliases)
    assert given > max({last, *existing})
    assert given > max(named, default=0) or given == 1


MANIFESTS: tuple[dict[str, Any], ...] = (
    function_manifest(publish="Auto"),
    alias_manifest("live", "1"),
    alias_manifest("dev", "$LATEST"),
)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_a_function_and_its_alias_applied_afresh_give_version_1(
    order: tuple[int, ...], *, together: bool
) -> None:
    store = PlainStore()
    for index in order:
        store.apply(MANIFESTS[index])
        if not together:
            store.settle()
    store.settle()
    assert [each.spec.version for each in store.versions()] == ["1"]
    ready = {
        each.metadata.name: [
            condition.status for condition in each.status.conditions if condition.type == "Ready"
        ]
        for each in store.aliases()
    }
    assert ready == {"greet-live": ["True"], "greet-dev": ["True"]}
