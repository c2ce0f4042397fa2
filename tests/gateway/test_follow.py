"""Routes that follow the objects: one function at a time, a takeover in two steps."""

from typing import TYPE_CHECKING, Any, cast

from funclet.gateway.follow import Follower
from funclet.kube.port import Change, KubePort
from funclet.plan.plan import Key
from funclet.plan.revision import Platform, Revision
from funclet.plan.routes import LATEST, FunctionRoute
from funclet.reconcile.world import informer_for
from support.objects import SHA, alias_manifest, function_manifest, stored, version_manifest

if TYPE_CHECKING:
    from funclet.kube.informer import Informer
    from funclet.plan.route_table import RouteKey

PLATFORM = Platform(None, "us-east-1", {})
WHERE = ("default", "greet")


class World:
    """An informer that a test tells what there is, and what the follower says to it."""

    def __init__(self) -> None:
        self.informer: Informer = informer_for(cast("KubePort", None))
        self.told: list[tuple[RouteKey, FunctionRoute | None]] = []
        self.follower = Follower(
            self.informer, PLATFORM, lambda where, route: self.told.append((where, route))
        )
        self.version = 0

    def put(self, manifest: dict[str, Any], status: dict[str, Any] | None = None, **metadata: Any) -> None:
        self.version += 1
        seen = stored(manifest, resourceVersion=str(self.version), **metadata)
        seen["status"] = {"observedGeneration": seen["metadata"]["generation"], **(status or {})}
        key = Key(seen["kind"], "default", seen["metadata"]["name"])
        self.informer.take(Change("MODIFIED", key, seen))

    def remove(self, kind: str, name: str) -> None:
        self.version += 1
        gone = {**(self.informer.get(Key(kind, "default", name)) or {})}
        gone["metadata"] = {**gone["metadata"], "resourceVersion": str(self.version)}
        self.informer.take(Change("DELETED", Key(kind, "default", name), gone))

    def function(self, latest: str, serving: str, name: str = "greet", **metadata: Any) -> None:
        status = {"latestRevision": latest, "servingRevision": serving, "codeSha256": SHA}
        self.put(function_manifest(name), {**status, "runtimeDigest": "sha256:" + "b" * 64}, **metadata)

    def keys(self, name: str = LATEST) -> list[str]:
        """Which revisions a version has meant, in order."""
        self.told, told = [], self.told
        found = [route.versions.get(name) for _, route in told if route is not None]
        return [each.key for each in found if isinstance(each, Revision)]


def test_before_it_begins_nobody_is_told() -> None:
    world = World()
    world.function("new", "new")
    assert world.told == []
    assert world.follower.routes == {}
    world.follower.begin()
    assert world.keys() == ["new"]
    assert set(world.follower.routes) == {WHERE}


def test_a_function_met_in_the_middle_of_a_takeover_has_what_serves_beside_what_is_to_come() -> None:
    world = World()
    world.function("new", "old")
    world.follower.begin()
    serving = world.follower.routes[WHERE].serving
    assert serving is not None
    assert (serving.key, world.keys()) == ("old", ["new"])


def test_a_change_is_told_once_and_what_changes_nothing_is_not() -> None:
    world = World()
    world.follower.begin()
    world.function("one", "one")
    world.function("two", "one")
    world.function("two", "two")
    world.function("two", "two", annotations={"a": "b"})
    # The last is the end of the takeover.
    assert world.keys() == ["one", "two", "two"]


def test_while_the_operator_lags_the_route_stays() -> None:
    world = World()
    world.follower.begin()
    world.function("one", "one")
    manifest = function_manifest(timeout="9s")
    told = {"observedGeneration": 1, "latestRevision": "one", "servingRevision": "one", "codeSha256": SHA}
    world.put(manifest, told, generation=2)
    assert world.keys() == ["one"]
    found = world.follower.routes[WHERE].versions[LATEST]
    assert isinstance(found, Revision)
    assert found.settings.timeout == "3s"


def test_versions_and_aliases_that_come_and_go_are_followed() -> None:
    world = World()
    world.follower.begin()
    world.put(version_manifest(1), {"revision": "v1", "functionArn": "arn:x"})
    world.put(alias_manifest("live", "1"))
    assert world.told == []
    world.function("one", "one")
    assert world.keys("1") == ["v1"]
    assert set(world.follower.routes[WHERE].aliases) == {"live"}
    world.remove("Alias", "greet-live")
    world.remove("FunctionVersion", "greet-by-hand-1")
    route = world.follower.routes[WHERE]
    assert (set(route.versions), route.aliases) == ({LATEST}, {})


def test_a_function_that_is_gone_can_be_called_no_more() -> None:
    world = World()
    world.function("one", "one")
    world.follower.begin()
    world.remove("Function", "greet")
    assert world.told[-1] == (WHERE, None)
    assert world.follower.routes == {}


def test_what_was_deleted_under_another_kind_is_no_matter() -> None:
    world = World()
    world.follower.begin()
    world.function("one", "one")
    world.told.clear()
    world.informer._subscribers[-1](Key("Pod", "default", "p"), None, {"kind": "Pod"})
    assert world.told == []
