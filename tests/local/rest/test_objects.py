import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from funclet.kube.port import Object
from funclet.local.kube.store import LocalKube
from funclet.plan.plan import Key
from support.objects import version_manifest
from support.rest import APPLY, FUNCTIONS, MERGE, Served, alias, function, served

APPLY_TYPE, MERGE_TYPE = APPLY["Content-Type"], MERGE["Content-Type"]
GREET = f"{FUNCTIONS}/greet"


@pytest.fixture
async def rest(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path) as running:
        yield running


def causes(status: Any) -> list[str]:
    return [cause["field"] for cause in status["details"]["causes"]]


async def test_discovery_lists_the_kinds_with_their_short_names(rest: Served) -> None:
    code, found = await rest.ask("GET", "/apis/funclet.dev/v1alpha1")
    names = {each["name"]: each.get("shortNames") for each in found["resources"]}
    assert code == 200
    assert found["kind"] == "APIResourceList"
    assert names["functions"] == ["fn"]
    assert "aliases/status" in names


async def test_apply_creates_with_201_and_changes_with_200(rest: Served) -> None:
    assert (await rest.apply(function()))[0] == 201
    code, changed = await rest.apply(function(memory="256Mi"))
    assert (code, changed["spec"]["memory"], changed["metadata"]["generation"]) == (200, "256Mi", 2)


async def test_apply_takes_yaml(rest: Served) -> None:
    body = yaml.safe_dump(function())
    code, made = await rest.ask("PATCH", f"{GREET}?fieldManager=x", data=body, Content_Type=APPLY_TYPE)
    assert (code, made["metadata"]["name"]) == (201, "greet")


async def test_apply_fills_in_what_the_url_says(rest: Served) -> None:
    body = json.dumps({"spec": function()["spec"]})
    code, made = await rest.ask("PATCH", f"{GREET}?fieldManager=x", data=body, Content_Type=APPLY_TYPE)
    assert (code, made["kind"], made["metadata"]["namespace"]) == (201, "Function", "default")


async def test_what_a_manager_leaves_out_goes_and_what_another_applied_stays(rest: Served) -> None:
    await rest.apply(function(memory="256Mi", timeout="9s"), "one")
    await rest.apply({**function(), "spec": {"tags": {"a": "b"}}}, "two")
    _, changed = await rest.apply(function(timeout="9s"), "one")
    assert "memory" not in changed["spec"]
    assert changed["spec"]["tags"] == {"a": "b"}


async def test_apply_wants_to_know_who_applies(rest: Served) -> None:
    code, status = await rest.ask("PATCH", GREET, data="{}", Content_Type=APPLY_TYPE)
    assert (code, status["reason"]) == (400, "BadRequest")
    assert "fieldManager" in status["message"]


async def test_every_wrong_field_is_told_at_once_with_its_path(rest: Served) -> None:
    code, status = await rest.apply(function(memory="1Mi", timout="3s", handler=7))
    assert (code, status["reason"], status["kind"]) == (422, "Invalid", "Status")
    assert {"spec.memory", "spec.timout", "spec.handler"} <= set(causes(status))


async def test_create_makes_an_object_once(rest: Served) -> None:
    assert (await rest.ask("POST", FUNCTIONS, body=function()))[0] == 201
    code, status = await rest.ask("POST", FUNCTIONS, body=function())
    assert (code, status["reason"]) == (409, "Conflict")


async def test_a_list_has_all_objects_of_its_kind_and_no_others(rest: Served) -> None:
    await rest.apply(function("b"))
    await rest.apply(function("a"))
    await rest.apply(alias())
    _, found = await rest.ask("GET", FUNCTIONS)
    assert found["kind"] == "FunctionList"
    assert [each["metadata"]["name"] for each in found["items"]] == ["a", "b"]
    assert found["metadata"]["resourceVersion"].isdigit()


async def test_a_list_of_another_namespace_is_empty(rest: Served) -> None:
    await rest.apply(function())
    _, found = await rest.ask("GET", FUNCTIONS.replace("default", "other"))
    assert found["items"] == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("labelSelector=team%3Dred", ["a"]),
        ("labelSelector=team!%3Dred", ["b", "c"]),
        ("labelSelector=team", ["a", "b"]),
        ("labelSelector=!team", ["c"]),
        ("labelSelector=team%3D%3Dblue,team", ["b"]),
        ("fieldSelector=metadata.name%3Dc", ["c"]),
    ],
)
async def test_selectors_choose_among_a_list(rest: Served, query: str, names: list[str]) -> None:
    for name, labels in (("a", {"team": "red"}), ("b", {"team": "blue"}), ("c", {})):
        manifest = function(name)
        manifest["metadata"]["labels"] = labels
        await rest.apply(manifest)
    _, found = await rest.ask("GET", f"{FUNCTIONS}?{query}")
    assert [each["metadata"]["name"] for each in found["items"]] == names


@pytest.mark.parametrize(
    "query", ["labelSelector=a+in+(b)", "fieldSelector=spec.runtime%3Dx", "labelSelector=a,,b"]
)
async def test_a_selector_that_is_not_understood_is_refused_and_not_ignored(rest: Served, query: str) -> None:
    code, status = await rest.ask("GET", f"{FUNCTIONS}?{query}")
    assert (code, status["reason"]) == (400, "BadRequest")


async def test_an_object_is_read_by_its_name_and_its_status_by_its_own_path(rest: Served) -> None:
    await rest.apply(function())
    for path in (GREET, f"{GREET}/status"):
        code, found = await rest.ask("GET", path)
        assert (code, found["metadata"]["name"]) == (200, "greet")


async def test_delete_answers_success_with_the_uid(rest: Served) -> None:
    _, made = await rest.apply(function())
    code, status = await rest.ask("DELETE", GREET)
    assert (code, status["status"], status["details"]["uid"]) == (200, "Success", made["metadata"]["uid"])
    assert (await rest.ask("GET", GREET))[0] == 404


async def test_delete_with_another_uid_is_a_conflict(rest: Served) -> None:
    await rest.apply(function())
    code, status = await rest.ask("DELETE", GREET, body={"preconditions": {"uid": "another"}})
    assert (code, status["reason"]) == (409, "Conflict")


@pytest.mark.parametrize(
    "options", [[], {"preconditions": 1}, {"preconditions": {"uid": 7}}, {"preconditions": {"uid": ""}}]
)
async def test_delete_options_that_make_no_sense_delete_nothing(rest: Served, options: Any) -> None:
    await rest.apply(function())
    assert (await rest.ask("DELETE", GREET, body=options))[0] == 400
    assert (await rest.ask("GET", GREET))[0] == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_what_is_not_there_is_404(rest: Served, method: str) -> None:
    code, status = await rest.ask(method, GREET)
    assert (code, status["reason"], status["code"]) == (404, "NotFound", 404)


@pytest.mark.parametrize(
    "name", ["a%2Fb", "..%2F..%2Fetc", "Greet", "a" * 254, "%00", "a%0Ab", "%F0%9F%92%A5"]
)
async def test_a_name_that_cannot_be_one_is_never_found_and_never_made(rest: Served, name: str) -> None:
    assert (await rest.ask("GET", f"{FUNCTIONS}/{name}"))[0] == 404
    assert (await rest.ask("DELETE", f"{FUNCTIONS}/{name}"))[0] == 404
    body = json.dumps({"spec": function()["spec"]})
    made, status = await rest.ask(
        "PATCH", f"{FUNCTIONS}/{name}?fieldManager=x", data=body, Content_Type=APPLY_TYPE
    )
    assert (made, causes(status)) == (422, ["metadata.name"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("apiVersion", "apps/v1"),
        ("kind", "Alias"),
        ("metadata", {"name": "another"}),
        ("metadata", {"name": "greet", "namespace": "another"}),
        ("metadata", []),
    ],
)
async def test_a_body_that_is_not_what_the_url_names_is_refused(rest: Served, field: str, value: Any) -> None:
    code, status = await rest.apply_at("greet", {**function(), field: value})
    assert (code, status["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("query", ["dryRun=All", "propagationPolicy=Orphan", "gracePeriodSeconds=0"])
async def test_a_parameter_that_is_not_obeyed_is_refused(rest: Served, query: str) -> None:
    await rest.apply(function())
    code, status = await rest.ask("DELETE", f"{GREET}?{query}")
    assert (code, query.partition("=")[0] in status["message"]) == (400, True)


async def test_an_apply_of_a_stale_version_is_a_conflict(rest: Served) -> None:
    _, made = await rest.apply(function())
    await rest.apply(function(memory="256Mi"))
    stale = function(memory="512Mi")
    stale["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    code, status = await rest.apply(stale)
    assert (code, status["reason"]) == (409, "Conflict")


async def test_status_is_replaced_by_put_and_merged_by_patch(rest: Served) -> None:
    await rest.apply(function())
    first = {"status": {"lastVersion": 1, "instances": 2}}
    assert (await rest.ask("PUT", f"{GREET}/status", body=first))[0] == 200
    patch = json.dumps({"status": {"instances": 3}})
    _, found = await rest.ask("PATCH", f"{GREET}/status", data=patch, Content_Type=MERGE_TYPE)
    assert found["status"] == {"lastVersion": 1, "instances": 3}


@pytest.mark.parametrize("status", [7, {"unheardOf": 1}])
async def test_a_status_of_another_shape_is_refused(rest: Served, status: Any) -> None:
    await rest.apply(function())
    assert (await rest.ask("PUT", f"{GREET}/status", body={"status": status}))[0] in {400, 422}


async def test_an_apply_leaves_the_status_alone(rest: Served) -> None:
    await rest.apply(function())
    await rest.ask("PUT", f"{GREET}/status", body={"status": {"lastVersion": 4}})
    _, found = await rest.apply({**function(memory="256Mi"), "status": {"lastVersion": 9}})
    assert found["status"] == {"lastVersion": 4}


async def test_writes_of_many_at_once_each_see_the_one_before(rest: Served) -> None:
    made = await asyncio.gather(*(rest.ask("POST", FUNCTIONS, body=function()) for _ in range(10)))
    assert sorted(code for code, _ in made) == [201] + [409] * 9


async def put(rest: Served, manifest: Any, manager: str = "putter") -> tuple[int, Any]:
    return await rest.ask("PUT", f"{GREET}?fieldManager={manager}", body=manifest)


async def merge(rest: Served, patch: Any, manager: str = "patcher") -> tuple[int, Any]:
    return await rest.ask(
        "PATCH", f"{GREET}?fieldManager={manager}", data=json.dumps(patch), Content_Type=MERGE_TYPE
    )


def of(made: Any, **spec: Any) -> Any:
    """The object as it was read, with another spec."""
    return {**made, "spec": function(**spec)["spec"]}


async def test_put_replaces_whoever_applied_what(rest: Served) -> None:
    _, made = await rest.apply(function(memory="256Mi"), "one")
    code, found = await put(rest, of(made, timeout="9s"))
    assert (code, found["spec"].get("memory"), found["spec"]["timeout"]) == (200, None, "9s")
    assert found["metadata"]["generation"] == 2


async def test_put_takes_labels_away_and_leaves_what_the_server_wrote(rest: Served) -> None:
    labelled = function()
    labelled["metadata"] |= {"labels": {"a": "b"}, "annotations": {"c": "d"}}
    _, made = await rest.apply(labelled)
    await rest.ask("PUT", f"{GREET}/status", body={"status": {"lastVersion": 4}})
    _, made = await rest.ask("GET", GREET)
    metadata = {
        "name": "greet",
        "resourceVersion": made["metadata"]["resourceVersion"],
        "annotations": {"c": "e"},
    }
    code, found = await put(rest, {**made, "metadata": metadata, "status": {"lastVersion": 9}})
    assert (code, found["status"]) == (200, {"lastVersion": 4})
    assert found["metadata"].get("labels") is None
    assert found["metadata"]["annotations"] == {"c": "e"}
    for field in ("uid", "creationTimestamp", "generation"):
        assert found["metadata"][field] == made["metadata"][field]


async def test_put_of_what_is_so_already_changes_nothing(rest: Served) -> None:
    _, made = await rest.apply(function())
    assert await put(rest, made) == (200, made)


async def test_put_of_a_stale_version_is_a_conflict(rest: Served) -> None:
    _, made = await rest.apply(function())
    await rest.apply(function(memory="256Mi"))
    code, status = await put(rest, made)
    assert (code, status["reason"]) == (409, "Conflict")
    assert "read it again" in status["message"]


async def test_put_of_an_object_that_was_made_anew_is_a_conflict(rest: Served) -> None:
    _, made = await rest.apply(function())
    made["metadata"]["uid"] = "another"
    assert (await put(rest, made))[0] == 409


async def test_put_must_say_which_state_it_saw(rest: Served) -> None:
    await rest.apply(function())
    code, status = await put(rest, function(memory="256Mi"))
    assert (code, causes(status)) == (422, ["metadata.resourceVersion"])


async def test_put_of_what_is_not_there_is_404(rest: Served) -> None:
    assert (await put(rest, function()))[0] == 404


async def test_a_merge_patch_sets_and_null_removes(rest: Served) -> None:
    await rest.apply(function(memory="256Mi", environment={"A": "1", "B": "2"}))
    code, found = await merge(rest, {"spec": {"memory": None, "environment": {"A": None, "C": "3"}}})
    assert (code, "memory" in found["spec"]) == (200, False)
    assert found["spec"]["environment"] == {"B": "2", "C": "3"}


async def test_an_empty_merge_patch_changes_nothing(rest: Served) -> None:
    _, made = await rest.apply(function())
    assert await merge(rest, {}) == (200, made)


@pytest.mark.parametrize(
    ("patch", "code", "field"),
    [
        ({"metadata": {"name": "another"}}, 400, None),
        ({"metadata": {"namespace": "another"}}, 400, None),
        ({"kind": "Alias"}, 400, None),
        ({"apiVersion": "v1"}, 400, None),
        ({"metadata": 7}, 400, None),
        ([], 400, None),
        (None, 400, None),
        ("text", 400, None),
        ({"metadata": {"uid": "another"}}, 409, None),
        ({"metadata": {"resourceVersion": "0"}}, 409, None),
        ({"metadata": {"resourceVersion": None}}, 422, "metadata.resourceVersion"),
        ({"metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}}, 422, "metadata.creationTimestamp"),
        ({"metadata": {"deletionTimestamp": "2020-01-01T00:00:00Z"}}, 422, "metadata.deletionTimestamp"),
        ({"metadata": {"labels": {"a": 7}}}, 422, "metadata.labels.a"),
        ({"metadata": {"finalizers": 7}}, 422, "metadata.finalizers"),
        ({"spec": {"memory": "1Mi"}}, 422, "spec.memory"),
        ({"spec": {"memroy": "1Gi"}}, 422, "spec.memroy"),
        ({"spec": {"handler": None}}, 422, "spec.handler"),
        ({"spec": None}, 422, "spec"),
        ({"spec": {"functionName": "other"}}, 422, "spec.functionName"),
    ],
)
async def test_a_merge_patch_keeps_the_rules_and_otherwise_does_nothing(
    rest: Served, patch: Any, code: int, field: str | None
) -> None:
    _, made = await rest.apply(function())
    answered, status = await merge(rest, patch)
    assert answered == code, status
    assert field is None or field in causes(status), status
    assert (await rest.ask("GET", GREET))[1] == made


async def test_a_published_version_can_be_labelled_and_not_changed(rest: Served) -> None:
    path = GREET.replace("functions/greet", "functionversions/greet-by-hand-1")
    await rest.kube.apply(version_manifest(1), manager="test")
    for patch, code in (({"metadata": {"labels": {"a": "b"}}}, 200), ({"spec": {"memory": "1Gi"}}, 422)):
        answer = await rest.ask("PATCH", path, data=json.dumps(patch), Content_Type=MERGE_TYPE)
        assert answer[0] == code


async def test_a_patched_field_is_the_patchers_and_an_apply_without_it_leaves_it(rest: Served) -> None:
    await rest.apply(function(), "one")
    await merge(rest, {"spec": {"memory": "256Mi"}}, "two")
    _, found = await rest.apply(function(timeout="9s"), "one")
    assert (found["spec"]["memory"], found["spec"]["timeout"]) == ("256Mi", "9s")


async def test_merge_patches_of_many_at_once_are_all_seen(rest: Served) -> None:
    await rest.apply(function())
    patches = [merge(rest, {"spec": {"environment": {f"N{n}": "x"}}}) for n in range(10)]
    assert {code for code, _ in await asyncio.gather(*patches)} == {200}
    _, found = await rest.ask("GET", GREET)
    assert len(found["spec"]["environment"]) == 10


class _Restless(LocalKube):
    """Somebody else writes between each look at an object and the write that follows, so many times."""

    left = 0

    async def get(self, key: Key) -> Object:
        found = await super().get(key)
        if self.left:
            self.left -= 1
            await self.patch_status(key, {"instances": self.left}, manager="another")
        return found


@pytest.mark.parametrize(("times", "code"), [(4, 200), (5, 409)])
async def test_a_patch_is_made_anew_on_what_was_changed_meanwhile_but_not_for_ever(
    tmp_path: Path, times: int, code: int
) -> None:
    kube = _Restless()
    async with served(tmp_path, kube) as rest:
        await rest.apply(function())
        kube.left = times
        assert (await merge(rest, {"spec": {"memory": "256Mi"}}))[0] == code


class _Broken(LocalKube):
    async def get(self, key: Key) -> Object:
        raise RuntimeError(f"a secret detail of {key}")


async def test_a_defect_is_a_500_that_gives_nothing_away(tmp_path: Path) -> None:
    async with served(tmp_path, _Broken()) as broken:
        code, status = await broken.ask("GET", GREET)
    assert (code, status["reason"]) == (500, "InternalError")
    assert "secret" not in status["message"]
