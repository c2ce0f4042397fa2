"""The verbs of local mode on a real API server, with the operator's loop behind it where a status is asked for."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from funclet.cli.errors import CliError
from funclet.cli.rest import segment
from funclet.kube.client import ClusterKube
from funclet.kube.connection import Connection
from funclet.plan.plan import Event, Key
from support.api_server import Server, api_server, connection, kube, kubeconfig_for, namespace
from support.cli import Command, manifest
from support.cli_cluster import CONTEXT, command, kubeconfig
from support.reconcilers import at_work, reconciler
from support.rest import alias, function

pytestmark = pytest.mark.processes

__all__ = ["api_server", "connection", "kube", "namespace"]


@pytest.fixture
def funclet(api_server: Server, tmp_path: Path, namespace: str) -> Command:
    """The command, in a folder of its own, with a cluster and a namespace that its context names."""
    return command(api_server, tmp_path, namespace)


@pytest.fixture
async def operated(kube: ClusterKube) -> AsyncIterator[ClusterKube]:
    """The same cluster, with the operator's loop at work on the namespace."""
    async with at_work(reconciler(kube)):
        yield kube


def python(name: str = "greet", **spec: object) -> dict[str, object]:
    """A Function that runs on what the operator's platform has."""
    return function(name, **{"runtime": "python", **spec})


async def test_it_says_created_then_unchanged_then_configured(funclet: Command, kube: ClusterKube) -> None:
    said = [
        (await funclet("apply", "-f", "-", stdin=manifest(each))).out
        for each in (function(), function(), function(memory="256Mi"))
    ]
    assert said == [f"function.funclet.dev/greet {verb}\n" for verb in ("created", "unchanged", "configured")]
    (found,) = await kube.list("Function")
    assert found["spec"]["memory"] == "256Mi"


async def test_fields_are_applied_in_the_name_of_funclet_cli(
    funclet: Command, connection: Connection, namespace: str
) -> None:
    ran = await funclet("apply", "-f", "-", stdin=manifest(function(), alias()))
    assert (ran.code, ran.err) == (0, "")
    path = f"/apis/funclet.dev/v1alpha1/namespaces/{namespace}/functions/greet"
    found = await connection.call("GET", path)
    managers = [(each["manager"], each["operation"]) for each in found["metadata"]["managedFields"]]
    assert managers == [("funclet-cli", "Apply")]


async def test_what_the_api_server_refuses_is_told_field_by_field_and_the_rest_is_done(
    funclet: Command, kube: ClusterKube
) -> None:
    await funclet("apply", "-f", "-", stdin=manifest(function(functionName="Greet_Me")))
    ran = await funclet("apply", "-f", "-", stdin=manifest(function(functionName="Other"), function("other")))
    assert (ran.code, ran.out) == (5, "function.funclet.dev/other created\n")
    assert ran.err.startswith("function.funclet.dev/greet: ")
    assert "immutable" in ran.err
    assert len(await kube.list("Function")) == 2


async def test_code_that_lies_on_this_machine_is_refused_before_anything_is_sent(
    funclet: Command, kube: ClusterKube
) -> None:
    (funclet.folder / "code").mkdir()
    files = manifest(function("good"), function("packed", code={"zip": {"path": "code"}}))
    ran = await funclet("apply", "-f", "-", stdin=files)
    assert (ran.code, ran.out) == (2, "")
    assert "document 2: Function packed: spec.code.zip.path: is on this machine" in ran.err
    assert all(word in ran.err for word in ("zip.url", "zip.s3", "zip.sha256", "code.inline"))
    assert await kube.list("Function") == []


async def test_a_namespace_that_is_not_there_exits_4(funclet: Command) -> None:
    ran = await funclet("apply", "-n", "nowhere", "-f", "-", stdin=manifest(function()))
    assert ran.code == 4
    assert 'namespaces "nowhere" not found' in ran.err


async def test_get_shows_tables_and_objects_without_what_nobody_reads(
    funclet: Command, operated: ClusterKube
) -> None:
    await funclet("apply", "-f", "-", stdin=manifest(python()))
    await until_ready(funclet)
    ran = await funclet("get", "fn")
    assert (ran.code, ran.err) == (0, "")
    header, row = ran.out.splitlines()
    assert header.split() == ["NAME", "READY", "RUNTIME", "VERSION", "INSTANCES", "AGE"]
    assert row.split()[:3] == ["greet", "True", "python"]
    found = json.loads((await funclet("get", "fn", "greet", "-o", "json")).out)
    assert found["kind"] == "Function"
    assert "managedFields" not in found["metadata"]
    listed = await funclet("get", "all", "-o", "yaml")
    assert listed.out.startswith("apiVersion: v1\nkind: List\n")
    assert await operated.list("Function")


async def test_an_empty_namespace_says_which_it_is(funclet: Command, namespace: str) -> None:
    ran = await funclet("get", "fn")
    assert (ran.code, ran.out) == (0, "")
    assert f"none in namespace {namespace}" in ran.err
    assert "none in namespace other" in (await funclet("get", "fn", "-n", "other")).err


@pytest.mark.parametrize(("verb", "name"), [("get", "missing"), ("delete", ""), ("delete", "..")])
async def test_a_name_that_no_object_has_exits_4_and_touches_nothing(
    funclet: Command, kube: ClusterKube, verb: str, name: str
) -> None:
    await funclet("apply", "-f", "-", stdin=manifest(function()))
    assert (await funclet(verb, "fn", name)).code == 4
    assert len(await kube.list("Function")) == 1


@pytest.mark.parametrize("name", ["", ".", "..", "../functions", "a/b", "a%2Fb"])
def test_what_could_mean_another_path_is_no_name(name: str) -> None:
    with pytest.raises(CliError, match="is no name of an object"):
        segment(name)


async def test_what_was_applied_is_deleted_by_file_or_by_either_name(
    funclet: Command, kube: ClusterKube
) -> None:
    files = manifest(function("a"), function("b", functionName="Lambda_B"))
    await funclet("apply", "-f", "-", stdin=files)
    assert (await funclet("delete", "fn", "Lambda_B")).out == "function.funclet.dev/b deleted\n"
    assert (await funclet("delete", "-f", "-", stdin=manifest(function("a")))).code == 0
    assert await kube.list("Function") == []


async def test_a_version_is_published_and_an_alias_led_to_it(funclet: Command, operated: ClusterKube) -> None:
    await funclet("apply", "-f", "-", stdin=manifest(python()))
    ran = await funclet("publish", "greet", "--description", "the first", "--alias", "live")
    assert (ran.code, ran.out) == (0, "1\n")
    assert ran.err == "Alias live of greet leads to version 1.\n"
    assert (await funclet("publish", "greet")).out == "1\n"
    (version,) = await operated.list("FunctionVersion")
    assert version["spec"]["description"] == "the first"
    assert (await funclet("apply", "-f", "-", stdin=manifest(python()))).out.endswith("unchanged\n")


async def test_publishing_takes_the_weights_that_somebody_else_gave_an_alias(
    funclet: Command, operated: ClusterKube
) -> None:
    await funclet("apply", "-f", "-", stdin=manifest(python()))
    await funclet("publish", "greet")
    await funclet("apply", "-f", "-", stdin=manifest(python(memory="256Mi")))
    await funclet("publish", "greet")
    shared = alias(version="1", routingConfig={"additionalVersionWeights": {"2": 0.1}})
    assert (await funclet("apply", "-f", "-", stdin=manifest(shared))).code == 0
    ran = await funclet("publish", "greet", "--alias", "live")
    assert (ran.code, ran.out) == (0, "2\n")
    (moved,) = await operated.list("Alias")
    assert (moved["spec"]["version"], moved["spec"]["routingConfig"]) == ("2", {})


async def test_a_publication_that_nobody_answers_says_that_nobody_looks_after_the_function(
    funclet: Command,
) -> None:
    await funclet("apply", "-f", "-", stdin=manifest(python()))
    ran = await funclet("publish", "greet", "--timeout", "1")
    assert (ran.code, ran.out) == (5, "")
    assert "nothing looks after the function" in ran.err


async def test_describe_tells_conditions_and_events_in_80_columns(
    funclet: Command, operated: ClusterKube, namespace: str
) -> None:
    await funclet("apply", "-f", "-", stdin=manifest(python("broken", runtime="python3.10")))
    key = Key("Function", namespace, "broken")
    for _ in range(2):
        await operated.record(key, Event("Warning", "Unlucky", "it is Friday"))
    ran = await funclet("describe", "broken")
    assert (ran.code, ran.err) == (0, "")
    assert "Warning Unlucky: it is Friday (2 times)" in ran.out
    assert "python3.10" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


async def test_a_cluster_that_nobody_named_is_told_before_it_is_changed(
    api_server: Server, tmp_path: Path, namespace: str
) -> None:
    path = kubeconfig(api_server, tmp_path / "config", namespace)
    unnamed = Command(tmp_path, {"KUBECONFIG": str(path)})
    ran = await unnamed("apply", "-f", "-", stdin=manifest(function()))
    if "127.0.0.1:8701" in ran.err:
        pytest.skip("something listens at the port of local mode")
    told = f"Acting on context {CONTEXT} ({api_server.plane.server}); --context or FUNCLET_CONTEXT chooses another.\n"
    assert (ran.out, ran.err) == ("function.funclet.dev/greet created\n", told)
    assert (await unnamed("get", "fn")).err == ""
    assert (await unnamed("delete", "fn", "greet", "--context", CONTEXT)).err == ""


async def test_who_may_not_is_told_what_to_ask_for(
    api_server: Server, connection: Connection, tmp_path: Path, namespace: str
) -> None:
    token = await token_of(connection, namespace, "nobody")
    ran = await command(api_server, tmp_path, namespace, {"token": token})("get", "fn")
    assert ran.code == 5
    assert f"system:serviceaccount:{namespace}:nobody" in ran.err
    assert f"Ask for the role view (to look) or edit (to change) in namespace {namespace}." in ran.err


async def test_credentials_that_are_not_taken_are_told_with_their_context(
    api_server: Server, tmp_path: Path, namespace: str
) -> None:
    ran = await command(api_server, tmp_path, namespace, {"token": "wrong"})("get", "fn")
    assert ran.code == 5
    assert f"context {CONTEXT}" in ran.err
    assert "Log in" in ran.err


async def test_a_credential_plugin_is_asked(api_server: Server, tmp_path: Path, namespace: str) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": api_server.plane.token},
    }
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    plugin.chmod(0o700)
    user = {"exec": {"apiVersion": credential["apiVersion"], "command": str(plugin)}}
    ran = await command(api_server, tmp_path, namespace, user)("get", "fn", "-o", "json")
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize(
    "arguments", [("get", "fn"), ("apply", "-f", "-"), ("logs", "greet"), ("invoke", "greet")]
)
async def test_a_cluster_that_is_away_exits_3_and_is_named(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    path = kubeconfig_for("http://127.0.0.1:1", tmp_path / "config").path
    ran = await Command(tmp_path, {"KUBECONFIG": path})(
        *arguments, "--context", "c", stdin=manifest(function())
    )
    assert (ran.code, ran.out) == (3, "")
    assert "The API server of context c (http://127.0.0.1:1) does not answer." in ran.err


async def test_a_context_that_is_not_there_exits_2(funclet: Command) -> None:
    ran = await funclet("get", "fn", "--context", "missing")
    assert (ran.code, ran.out) == (2, "")
    assert "missing" in ran.err


async def until_ready(funclet: Command) -> None:
    deadline = datetime.now(UTC).timestamp() + 10
    while "True" not in (await funclet("get", "fn", "greet")).out:
        assert datetime.now(UTC).timestamp() < deadline


async def token_of(connection: Connection, namespace: str, name: str) -> str:
    """A token of a new service account."""
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    await connection.call("POST", accounts, body={"metadata": {"name": name}})
    answer = await connection.call("POST", f"{accounts}/{name}/token", body={"spec": {}})
    return str(answer["status"]["token"])
