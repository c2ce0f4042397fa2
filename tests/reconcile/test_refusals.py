"""What the API server refuses is told, stops nothing else, and is tried again without using up numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from funclet.kube.cluster_port import ForbiddenError
from funclet.kube.port import ConflictError, KubeError, Object
from funclet.local.kube.store import LocalKube
from funclet.plan import reasons
from funclet.plan.names import alias_name
from funclet.plan.plan import Key
from funclet.reconcile import refusals
from funclet.reconcile.refusals import why_refused
from support.kubes import until
from support.loops import GREET, ready, running, settled
from support.objects import alias_manifest, function_manifest

QUOTA = 'functionversions.funclet.dev "greet-v1" is forbidden: exceeded quota: few, requested: count=1'


class RefusingKube(LocalKube):
    """A store that refuses to have objects of one kind applied, or deleted, as long as it has an error."""

    def __init__(self, kind: str, error: KubeError) -> None:
        super().__init__()
        self.kind = kind
        self.error: KubeError | None = error
        self.tries = 0

    async def apply(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        if manager == "funclet":
            self._check(manifest["kind"])
        return await super().apply(manifest, manager=manager)

    async def delete(self, key: Key, *, uid: str | None = None) -> None:
        self._check(key.kind)
        await super().delete(key, uid=uid)

    def _check(self, kind: str) -> None:
        if kind == self.kind and self.error is not None:
            self.tries += 1
            raise self.error

    def status(self) -> Any:
        """What is said of the Function."""
        return self.table.live(GREET).object.get("status", {})

    def versions(self) -> list[str]:
        """The numbers of all versions."""
        keys = self.table.keys(("FunctionVersion",))
        return sorted(self.table.live(key).object["spec"]["version"] for key in keys)


async def test_a_version_that_a_quota_refuses_is_told_and_gets_the_number_that_it_had(tmp_path: Path) -> None:
    kube = RefusingKube("FunctionVersion", ForbiddenError(QUOTA))
    async with running(kube, tmp_path) as reconciler:
        await kube.apply(function_manifest(publish="Auto", publishAlias="live"), manager="user")
        await until(lambda: ready(kube, GREET) == reasons.QUOTA_EXCEEDED and kube.tries > 2)
        # While it is tried, the number is not free.
        await until(lambda: kube.status().get("unusedVersion") == 1)
        status = kube.status()
        assert status["observedGeneration"] == 1
        assert status["lastVersion"] == 1
        assert "publication" not in status
        assert "exceeded quota: few" in status["conditions"][0]["message"]
        # It can be called all the same.
        assert status["servingRevision"] == status["latestRevision"]
        assert ("default", "greet") in reconciler.routes
        assert kube.table.keys(("Alias",)) == []
        kube.error = None
        await settled(kube, reconciler, GREET)
        assert kube.versions() == ["1"]
        assert "unusedVersion" not in kube.status()
        await settled(kube, reconciler, *kube.table.keys(("Alias",)))
    told = [each.event.reason for each in kube.events(GREET)]
    assert told.count(reasons.QUOTA_EXCEEDED) == 1
    assert told.count(reasons.PUBLISHED) == 1


async def test_what_is_refused_is_not_tried_with_each_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write makes the next look: a refusal must not make the next one at once."""
    monkeypatch.setattr(refusals, "_FIRST", 30.0)
    kube = RefusingKube("FunctionVersion", ForbiddenError(QUOTA))
    async with running(kube, tmp_path) as reconciler:
        await kube.apply(function_manifest(publish="Auto"), manager="user")
        await until(lambda: ready(kube, GREET) == reasons.QUOTA_EXCEEDED and reconciler.idle)
        for _ in range(20):
            reconciler.poke(GREET)
            await until(lambda: reconciler.idle)
        assert kube.tries == 1


async def test_a_number_whose_version_may_have_been_made_is_not_given_again(tmp_path: Path) -> None:
    """An error inside of the API server may come after the write."""
    kube = RefusingKube("FunctionVersion", KubeError("etcd is slow"))
    async with running(kube, tmp_path) as reconciler:
        await kube.apply(function_manifest(publish="Auto"), manager="user")
        await until(lambda: ready(kube, GREET) == reasons.WRITE_REFUSED and kube.tries == 2)
        assert "unusedVersion" not in kube.status()
        kube.error = None
        await settled(kube, reconciler, GREET)
        assert kube.versions() == ["3"]


async def test_a_number_is_given_again_after_a_restart(tmp_path: Path) -> None:
    kube = RefusingKube("FunctionVersion", ForbiddenError(QUOTA))
    async with running(kube, tmp_path):
        await kube.apply(function_manifest(publish="Auto"), manager="user")
        await until(lambda: ready(kube, GREET) == reasons.QUOTA_EXCEEDED)
    kube.error = None
    async with running(kube, tmp_path) as reconciler:
        await settled(kube, reconciler, GREET)
    assert kube.versions() == ["1"]


async def test_a_changed_spec_is_tried_at_once(tmp_path: Path) -> None:
    kube = RefusingKube("FunctionVersion", ForbiddenError("no changes on Fridays"))
    async with running(kube, tmp_path) as reconciler:
        await kube.apply(function_manifest(publish="Auto"), manager="user")
        await until(lambda: kube.tries > 5)
        kube.error = None
        await kube.apply(function_manifest(publish="Auto", memory="256Mi"), manager="user")
        await settled(kube, reconciler, GREET)
    assert kube.versions() == ["1"]


async def test_an_alias_of_somebody_else_with_the_name_of_the_own_keeps_nothing_from_being_served(
    tmp_path: Path,
) -> None:
    kube = LocalKube()
    foreign = alias_manifest("other", "1")
    foreign["metadata"]["name"] = alias_name("greet", "live")
    async with running(kube, tmp_path) as reconciler:
        await kube.apply(foreign, manager="user")
        await kube.apply(function_manifest(publish="Auto", publishAlias="live"), manager="user")
        await until(lambda: ready(kube, GREET) == reasons.NOT_OWNED)
        status = kube.table.live(GREET).object["status"]
        assert status["publication"]["version"] == "1"
        follows = next(each for each in status["conditions"] if each["type"] == "AliasFollows")
        assert (follows["status"], follows["reason"]) == ("False", reasons.NOT_OWNED)
        assert "1" in reconciler.routes["default", "greet"].versions
        await kube.delete(Key("Alias", "default", alias_name("greet", "live")))
        await settled(kube, reconciler, GREET, Key("Alias", "default", alias_name("greet", "live")))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ForbiddenError(QUOTA), reasons.QUOTA_EXCEEDED),
        (ForbiddenError('x "y" is forbidden: status unknown for quota: few'), reasons.QUOTA_EXCEEDED),
        (ForbiddenError('functionversions "quota-v1" is forbidden: no right'), reasons.WRITE_REFUSED),
        (ConflictError("exceeded quota"), reasons.WRITE_REFUSED),
    ],
    ids=["a quota", "a new quota", "a function that is called so", "no refusal of a right"],
)
def test_a_quota_is_told_by_the_words_of_the_api_server_and_not_by_a_name(
    error: KubeError, reason: str
) -> None:
    assert why_refused(Key("FunctionVersion", "default", "quota-v1"), "made", error).reason == reason


def test_what_looks_like_a_password_is_not_told() -> None:
    why = why_refused(GREET, "made", KubeError("webhook https://me:hunter2@hook refused; token=abc"))
    assert "hunter2" not in why.message
    assert "abc" not in why.message
