"""An object that was stored under older, laxer rules: what it ran goes on, nothing new comes of it, and that is told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import pytest

from funclet.api.crd import definition
from funclet.api.function import Function
from funclet.gateway.follow import Follower
from funclet.kube.port import InvalidError, KubeError, Object
from funclet.plan.images import resolved_runtimes
from funclet.plan.observed import CodeState
from funclet.plan.revision import Platform, Revision
from funclet.plan.revisions import latest_revision
from funclet.plan.routes import LATEST
from funclet.reconcile.reading import read_leniently
from funclet.reconcile.world import informer_for
from support.api_server import Server, make_namespace
from support.operators import CODE, Seen, condition, eventually, running
from support.rendering import cluster

#: what today's rules refuse: a handler, and a folder for a Secret that hides the platform's
BROKEN: Mapping[str, Any] = {"handler": "../app.handler", "secrets": [{"name": "db", "mountPath": "/var"}]}
PLATFORM = Platform(None, "us-east-1", resolved_runtimes(cluster().config))


def without_rules(node: Any) -> Any:
    """The schema as a release that refused less had it."""
    if isinstance(node, dict):
        return {
            name: without_rules(below) for name, below in node.items() if name != "x-kubernetes-validations"
        }
    return [without_rules(each) for each in node] if isinstance(node, list) else node


TODAY = [definition(kind) for kind in ("Function", "FunctionVersion")]


def define(server: Server, definitions: Sequence[Object]) -> None:
    """Bring definitions."""
    server.plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", manifests=definitions)


@pytest.fixture
def strict(whole: Server) -> Iterator[Callable[[], object]]:
    """The control plane with laxer definitions; call it to bring today's."""
    define(whole, without_rules(TODAY))
    yield lambda: define(whole, TODAY)
    define(whole, TODAY)


@pytest.fixture
async def place(whole: Server) -> AsyncIterator[Seen]:
    """A namespace of a test's own."""
    connection = await whole.connect()
    name = Seen.new()
    await make_namespace(connection, name)
    yield Seen(connection, name)
    await connection.close()


async def as_older_operator(seen: Seen, stored: Object) -> str:
    """Write the status that an operator wrote which refused less; gives the revision's key."""
    function = read_leniently(stored)
    assert isinstance(function, Function)
    revision = latest_revision(function, CodeState(CODE), PLATFORM)
    assert isinstance(revision, Revision)
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": "2026-01-01T00:00:00Z",
             "message": "", "observedGeneration": 1}  # fmt: skip
    status = {
        "observedGeneration": 1, "conditions": [ready], "latestRevision": revision.key,
        "servingRevision": revision.key, "codeSha256": CODE, "runtimeDigest": revision.runtime.digest,
    }  # fmt: skip
    await seen.kube.patch_status(seen.key("greet"), status, manager="funclet")
    return revision.key


async def rules_are(seen: Seen, *, strict: bool) -> None:
    """Wait until the API server has taken the definitions up."""

    async def look() -> bool:
        try:
            await seen.apply(seen.function(seen.new(), **deepcopy(dict(BROKEN))))
        except InvalidError:
            return strict
        return not strict

    await eventually(look)


async def route(seen: Seen) -> Revision:
    """What a gateway that begins now would send calls of $LATEST to."""
    informer = informer_for(seen.kube)
    await informer.resync()
    follower = Follower(informer, PLATFORM, lambda *_: None)
    follower.begin()
    found = follower.routes[seen.namespace, "greet"].versions[LATEST]
    assert isinstance(found, Revision), found
    return found


async def test_what_ran_goes_on_and_what_is_wrong_is_told(
    place: Seen, whole: Server, strict: Callable[[], object]
) -> None:
    await rules_are(place, strict=False)
    stored = await place.apply(place.function("greet", **deepcopy(dict(BROKEN))))
    key = await as_older_operator(place, stored)
    await asyncio.to_thread(strict)
    await rules_are(place, strict=True)
    await place.apply(place.alias("stable", "$LATEST", "greet"))
    with running(whole.kubeconfig, place.namespace):
        told = await place.said("greet", "InvalidSpec")
        assert "spec.handler" in condition(told)["message"]
        assert "spec.secrets[0].mountPath" in condition(told)["message"]
        assert told["status"]["servingRevision"] == told["status"]["latestRevision"] == key
        assert (await route(place)).key == key
        await place.ready("greet-stable", "Alias")

        # No pod can have this folder, so that a Deployment is still not made.
        await place.want("greet", key)
        refused = await place.said("greet", "InvalidSpec")
        assert refused["status"]["wanted"] == {key: "2026-01-01T00:00:00Z"}
        assert await place.there(key, "Deployment") is None

        # The API server lets a stored value be that is not touched.
        await place.merge("greet", {"spec": {"memory": "256Mi"}})
        changed = await place.said("greet", "InvalidSpec")
        assert changed["status"]["observedGeneration"] == 2
        assert changed["status"]["servingRevision"] == key
        assert "latestRevision" not in changed["status"]
        assert (await route(place)).key == key

        mended = place.function("greet", memory="256Mi")
        await place.merge("greet", {"spec": {**mended["spec"], "secrets": None}})
        done = await place.ready("greet")
        assert done["status"]["servingRevision"] == done["status"]["latestRevision"] != key
        assert (await route(place)).settings.memory == "256Mi"


async def test_children_that_were_made_under_laxer_rules_are_kept_and_put_back(
    place: Seen, whole: Server, strict: Callable[[], object]
) -> None:
    await rules_are(place, strict=False)
    only_handler = {"handler": BROKEN["handler"]}
    key = await as_older_operator(place, await place.apply(place.function("greet", **only_handler)))
    await asyncio.to_thread(strict)
    await rules_are(place, strict=True)
    with running(whole.kubeconfig, place.namespace):
        await place.said("greet", "InvalidSpec")
        await place.want("greet", key)
        first = await place.until(key, bool, "Deployment")
        await place.merge("greet", {"spec": {"memory": "256Mi"}})
        await place.until("greet", lambda found: found["status"]["observedGeneration"] == 2)
        await place.kube.delete(place.key(key, "Deployment"))
        again = await place.until(
            key, lambda found: found["metadata"]["uid"] != first["metadata"]["uid"], "Deployment"
        )
    assert again["spec"]["template"] == first["spec"]["template"]


async def test_a_field_of_a_newer_definition_is_kept_and_passed_over(place: Seen, whole: Server) -> None:
    newer = definition("Function")
    spec = newer["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["hologram"] = {"type": "object", "properties": {"depth": {"type": "integer"}}}
    define(whole, [newer])

    async def kept() -> bool:
        # The server reads a definition some time after it took it, and refuses or drops the field until then.
        with contextlib.suppress(KubeError):
            found = await place.apply(place.function("greet", publish="Auto", hologram={"depth": 3}))
            return bool(found["spec"].get("hologram") == {"depth": 3})
        return False

    await eventually(kept)
    with running(whole.kubeconfig, place.namespace):
        await place.ready("greet")
        found = await place.until("greet", lambda each: each["status"].get("publication"))
        assert found["spec"]["hologram"] == {"depth": 3}
        (version,) = await place.kube.list("FunctionVersion")
        assert "hologram" not in version["spec"]
    define(whole, TODAY)
