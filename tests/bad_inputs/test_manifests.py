"""Bad manifests on a real API server: each is refused with its field named; the numbers are those of the list."""

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from cluster.errors import ClusterError
from funclet.kube.connection import Connection
from funclet.kube.port import InvalidError, KubeError, NotFoundError
from support.api_server import Server
from support.asking import VERBS, Asking, same_words, sound, twin, with_spec

Spec = Mapping[str, Any]
LONG = "x" * 4089
WEIGHTS = "spec.routingConfig.additionalVersionWeights"


def _weights(version: str, **weights: float) -> Spec:
    named = {name.removeprefix("v"): weight for name, weight in weights.items()}
    return {"version": version, "routingConfig": {"additionalVersionWeights": named}}


def _mounted(*paths: str, field: str = "secrets") -> Spec:
    return {field: [{"name": f"s{number}", "mountPath": path} for number, path in enumerate(paths)]}


#: refused by a rule, which CEL and Python say in the same words
RULED: list[tuple[str, str, Spec]] = [
    *[(f"3 memory {memory!r}", "Function", {"memory": memory}) for memory in (0, -1, "0", "-1", "1Ei", "128", "127Mi")],
    *[(f"3 timeout {timeout!r}", "Function", {"timeout": timeout}) for timeout in ("0", "901", "0s", "901s", "NaN", "-1s")],
    *[(f"3 storage {size!r}", "Function", {"ephemeralStorage": size}) for size in (1, "511Mi", "11Gi")],
    *[(f"4 handler {handler!r}", "Function", {"handler": handler}) for handler in ("../x.y", "a:b;rm -rf", "/x", "a..b")],
    ("5 environment of 4 KB + 1", "Function", {"environment": {"A": LONG}}),
    *[(f"5 {name}", "Function", {"environment": {name: "x"}}) for name in ("AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "_HANDLER")],
    *[(f"5 key {key!r}", "Function", {"environment": {key: "x"}}) for key in ("A=B", "A\x00B", "", "FUNCLET_X")],
    ("6 two extra versions", "Alias", _weights("3", v1=0.1, v2=0.2)),
    ("7 the alias's own version", "Alias", _weights("1", v1=0.1)),
    ("7 an alias of an alias", "Alias", {"version": "live"}),
    ("7 an alias that is a number", "Alias", {"name": "7"}),
    ("8 weights beside $LATEST", "Alias", _weights("$LATEST", v1=0.1)),
    *[
        (f"11 {field} of another namespace", "Function", {field: [{"name": "other/store", "prefix": ""}]})
        for field in ("secrets", "configMaps")
    ],
    ("11 a role of another namespace", "Function", {"role": "other/runner"}),
    ("11 a function of another namespace", "Alias", {"function": "other/greet"}),
    ("12 an unknown runtime", "Function", {"runtime": "cobol"}),
    *[(f"12 {runtime}", "Function", {"runtime": runtime}) for runtime in ("python2.7", "go1.x", "nodejs12.x")],
    ("12 no runtime", "Function", {"runtime": None}),
    ("12 no handler", "Function", {"handler": None}),
    ("16 a floor above the cap", "Function", {"scaling": {"min": 2}, "concurrency": {"reserved": 1}}),
    ("19 code of 900 KB", "Function", {"code": {"inline": {f"{n}.py": "x" * 100_000 for n in range(9)}}}),
    *[
        (f"a folder of the platform, {path}", "Function", _mounted(path))
        for path in ("/var", "/funclet", "/funclet/bin", "/proc", "/proc/1", "/dev/x", "/sys", "/opt/x", "/var/task", "/etc")
    ],
    ("one folder in another", "Function", _mounted("/etc/db", "/etc/db/more")),
    ("one folder twice", "Function", _mounted("/etc/db", "/etc/db")),
    ("a folder above", "Function", _mounted("/a/../var/task", field="configMaps")),
    *[
        (f"the key {key!r}", "Function", {"secrets": [{"name": "db", "variables": {"A": key}}]})
        for key in ("a/b", "..", ".", "..data", "a b")
    ],
    ("one variable twice", "Function", {"environment": {"A": "x"}, "configMaps": [{"name": "c", "variables": {"A": "a"}}]}),
    ("two sources of code", "Function", {"code": {"inline": {"a.py": ""}, "zip": {"path": "a.zip"}}}),
    ("a file above", "Function", {"code": {"inline": {"../a.py": ""}}}),
    ("an archive without its hash", "Function", {"code": {"zip": {"url": "https://example.com/a.zip"}}}),
    ("a password in an address", "Function", {"code": {"zip": {"url": "https://u:p@example.com/a", "sha256": "a" * 64}}}),
    ("a version without its runtime's digest", "FunctionVersion", {"runtimeDigest": None}),
    ("a version with a path", "FunctionVersion", {"code": {"zip": {"path": "a.zip", "sha256": "a" * 64}}}),
    ("a version with a number of no use", "FunctionVersion", {"version": "01"}),
    ("six layers", "Function", {"layers": list("abcdef")}),
]  # fmt: skip

#: refused by type or bound, in the API server's own words
SHAPED: list[tuple[str, str, Spec, str]] = [
    ("1 no code", "Function", {"code": None}, "spec.code"),
    ("1 a list for a map", "Function", {"environment": []}, "spec.environment"),
    ("1 a number for a text", "Function", {"handler": 5}, "spec.handler"),
    ("3 a number for a time", "Function", {"timeout": 901}, "spec.timeout"),
    ("4 a handler of 129", "Function", {"handler": "a" * 129}, "spec.handler"),
    ("4 an empty handler", "Function", {"handler": ""}, "spec.handler"),
    ("5 a number for a value", "Function", {"environment": {"A": 5}}, "spec.environment.A"),
    ("6 a weight of 1.5", "Alias", _weights("2", v1=1.5), f"{WEIGHTS}.1"),
    ("6 a weight of -0.1", "Alias", _weights("2", v1=-0.1), f"{WEIGHTS}.1"),
    ("16 fewer than none", "Function", {"concurrency": {"reserved": -1}}, "spec.concurrency.reserved"),
    (
        "16 none in an instance",
        "Function",
        {"concurrency": {"perInstance": 0}},
        "spec.concurrency.perInstance",
    ),
    ("a word of no use", "Function", {"publish": "auto"}, "spec.publish"),
    ("a function of no name", "Function", {"functionName": ""}, "spec.functionName"),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("kind", "spec"), [row[1:] for row in RULED], ids=[row[0] for row in RULED])
async def test_what_a_rule_refuses_is_refused_in_the_same_words_whichever_way_it_comes(
    connection: Connection, namespace: str, kind: str, spec: Spec, verb: str
) -> None:
    asking, bad = Asking(connection, namespace, kind), with_spec(kind, spec)
    old = sound(kind) if verb in {"update", "patch", "apply over"} else None
    wanted = twin(bad, old)
    assert wanted
    with pytest.raises(InvalidError) as caught:
        await asking.send(verb, bad)
    assert caught.value.status == 422
    assert same_words(caught.value, wanted), (wanted, caught.value.causes)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("kind", "spec", "path"), [row[1:] for row in SHAPED], ids=[row[0] for row in SHAPED]
)
async def test_what_is_of_no_type_or_bound_is_refused_with_its_field(
    connection: Connection, namespace: str, kind: str, spec: Spec, path: str, verb: str
) -> None:
    with pytest.raises(KubeError) as caught:
        await Asking(connection, namespace, kind).send(verb, with_spec(kind, spec))
    named = [field for field, _ in caught.value.causes]
    # A type that an apply cannot merge is the API server's own error, of status 500, and has the field in its message.
    assert path in named or f".{path}: expected" in str(caught.value), caught.value


@pytest.mark.parametrize("kind", ["Function", "FunctionVersion", "Alias"])
async def test_1_an_empty_spec_and_none_are_refused(
    connection: Connection, namespace: str, kind: str
) -> None:
    asking = Asking(connection, namespace, kind)
    for bad in (
        {**sound(kind), "spec": {}},
        {name: value for name, value in sound(kind).items() if name != "spec"},
    ):
        for verb in ("create", "apply"):
            with pytest.raises(InvalidError):
                await asking.send(verb, bad)


@pytest.mark.parametrize("field", ["colour", "memroy"])
def test_1_an_unknown_field_is_refused_by_kubectl_with_its_place(api_server: Server, field: str) -> None:
    with pytest.raises(
        ClusterError, match=rf"Function\.spec\): unknown field .{field}|unknown field .spec\.{field}"
    ):
        api_server.plane.kubectl.apply(with_spec("Function", {field: "x"}))


@pytest.mark.parametrize(
    "name", ["a" * 254, "Greet", "gr\N{FACE WITH TEARS OF JOY}t", "a..b", "-a", "a-", "", "a_b"]
)
@pytest.mark.parametrize("kind", ["Function", "FunctionVersion", "Alias"])
async def test_2_a_name_that_is_none_is_refused(
    connection: Connection, namespace: str, kind: str, name: str
) -> None:
    asking = Asking(connection, namespace, kind)
    bad = {**sound(kind), "metadata": {"name": name, "namespace": namespace}}
    with pytest.raises(KubeError) as caught:
        await connection.call("POST", asking.kind.collection(namespace), body=bad)
    assert 400 <= caught.value.status < 500
    assert "name" in str(caught.value)


async def test_6_a_weight_that_is_no_number_does_not_get_past_the_reader(
    connection: Connection, namespace: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        await Asking(connection, namespace, "Alias").create(
            with_spec("Alias", _weights("2", v1=float("nan")))
        )
    assert caught.value.status == 400


@pytest.mark.parametrize("verb", ["update", "patch", "apply over"])
@pytest.mark.parametrize(
    "spec",
    [
        {"timeout": "9s"},
        {"code": {"inline": {"app.py": "y"}}},
        {"version": "2"},
        {"runtimeDigest": "local:2"},
    ],
    ids=str,
)
async def test_10_a_published_version_is_not_changed(
    connection: Connection, namespace: str, spec: Spec, verb: str
) -> None:
    asking, changed = Asking(connection, namespace, "FunctionVersion"), with_spec("FunctionVersion", spec)
    with pytest.raises(InvalidError) as caught:
        await asking.send(verb, changed)
    assert same_words(caught.value, twin(changed, sound("FunctionVersion")))


@pytest.mark.parametrize("verb", ["update", "patch", "apply over"])
@pytest.mark.parametrize(
    ("kind", "spec"),
    [("Function", {"functionName": "other"}), ("Alias", {"function": "other"}), ("Alias", {"name": "other"})],
)
async def test_what_names_an_object_is_not_changed(
    connection: Connection, namespace: str, kind: str, spec: Spec, verb: str
) -> None:
    with pytest.raises(InvalidError) as caught:
        await Asking(connection, namespace, kind).send(verb, with_spec(kind, spec))
    assert same_words(caught.value, twin(with_spec(kind, spec), sound(kind)))


async def test_11_a_reference_without_a_namespace_is_one_of_the_functions_own(
    connection: Connection, namespace: str
) -> None:
    stored = await Asking(connection, namespace, "Function").create(
        with_spec("Function", {"secrets": [{"name": "db", "namespace": "other", "prefix": ""}]})
    )
    assert stored["spec"]["secrets"] == [{"name": "db", "prefix": ""}]


async def test_16_a_function_may_be_stopped_by_a_cap_of_none(connection: Connection, namespace: str) -> None:
    stored = await Asking(connection, namespace, "Function").create(
        with_spec("Function", {"concurrency": {"reserved": 0}})
    )
    assert stored["spec"]["concurrency"]["reserved"] == 0


@pytest.mark.filterwarnings("ignore:Sending a large body")  # that is what is tried
async def test_19_an_object_of_many_megabytes_is_refused(connection: Connection, namespace: str) -> None:
    huge = with_spec("Function", {"description": "x" * 4_000_000})
    with pytest.raises(KubeError) as caught:
        await Asking(connection, namespace, "Function").create(huge)
    assert 400 <= caught.value.status < 500


async def test_what_a_status_says_of_the_spec_changes_nothing(connection: Connection, namespace: str) -> None:
    asking = Asking(connection, namespace, "Function")
    await asking.there()
    await asking.patch({"spec": {"handler": "../x"}, "metadata": {"labels": {"a": "b"}}}, "status")
    stored = await asking.get()
    assert stored["spec"]["handler"] == "app.handler"
    assert "labels" not in stored["metadata"]


@pytest.mark.parametrize(
    ("status", "path"),
    [
        ({"instances": -1}, "status.instances"),
        ({"instances": "many"}, "status.instances"),
        ({"lastVersion": 2**60}, "status.lastVersion"),
        ({"conditions": [{"type": "Ready"}]}, "status.conditions[0]"),
        (
            {"conditions": [{"type": "Ready", "status": "Maybe", "reason": "R", "lastTransitionTime": "x"}]},
            "status.conditions[0].status",
        ),
        ({"wanted": {"key": 5}}, "status.wanted.key"),
        ({"wanted": {str(number): "x" for number in range(65)}}, "status.wanted"),
    ],
    ids=str,
)
async def test_a_status_of_no_type_or_bound_is_refused(
    connection: Connection, namespace: str, status: dict[str, Any], path: str
) -> None:
    asking = Asking(connection, namespace, "Function")
    await asking.there()
    with pytest.raises(InvalidError) as caught:
        await asking.patch({"status": status}, "status")
    assert any(field.startswith(path) for field, _ in caught.value.causes), caught.value.causes


@pytest.mark.parametrize(
    ("replicas", "words"),
    [
        (-1, "greater than or equal to 0"),
        (10_001, "10000"),
        (6, "scaling.min must be at most concurrency.reserved"),
    ],
)
async def test_a_scale_out_of_range_is_refused(
    connection: Connection, namespace: str, replicas: int, words: str
) -> None:
    asking = Asking(connection, namespace, "Function")
    await asking.create(with_spec("Function", {"concurrency": {"reserved": 5}}))
    with pytest.raises(InvalidError, match=words):
        await asking.patch({"spec": {"replicas": replicas}}, "scale")
    assert (await asking.get())["spec"]["scaling"]["min"] == 0


@pytest.mark.parametrize("kind", ["FunctionVersion", "Alias"])
async def test_only_functions_have_a_scale(connection: Connection, namespace: str, kind: str) -> None:
    asking = Asking(connection, namespace, kind)
    await asking.there()
    with pytest.raises(NotFoundError):
        await asking.patch({"spec": {"replicas": 1}}, "scale")


async def test_no_refusal_repeats_what_may_be_a_secret(connection: Connection, namespace: str) -> None:
    secret = uuid.uuid4().hex
    bad = {"environment": {"A=": secret, "B": secret * 200, "AWS_REGION": secret}}
    with pytest.raises(InvalidError) as caught:
        await Asking(connection, namespace, "Function").create(with_spec("Function", bad))
    assert secret not in str(caught.value)
