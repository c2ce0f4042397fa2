import hashlib
import json
from pathlib import Path

import pytest

from funclet.cli.manifests import read_valid
from funclet.local.archive import pack_folder
from support.cli import Command, manifest
from support.rest import FUNCTIONS, Served, alias, function

pytestmark = pytest.mark.processes


async def test_it_says_created_then_unchanged_then_configured(funclet: Command) -> None:
    (funclet.folder / "greet.yaml").write_text(manifest(function()))
    assert (await funclet("apply", "-f", "greet.yaml")).out == "function.funclet.dev/greet created\n"
    assert (await funclet("apply", "-f", "greet.yaml")).out == "function.funclet.dev/greet unchanged\n"
    (funclet.folder / "greet.yaml").write_text(manifest(function(memory="256Mi")))
    assert (await funclet("apply", "-f", "greet.yaml")).out == "function.funclet.dev/greet configured\n"


async def test_functions_go_before_the_aliases_that_name_them(funclet: Command) -> None:
    ran = await funclet("apply", "-f", "-", stdin=manifest(alias(), function()))
    assert ran.out == "function.funclet.dev/greet created\nalias.funclet.dev/greet-live created\n"
    assert ran.code == 0


async def test_a_folder_and_several_files_are_applied_together(funclet: Command) -> None:
    (funclet.folder / "more").mkdir()
    (funclet.folder / "more" / "b.yml").write_text(manifest(function("b")))
    (funclet.folder / "more" / "README.md").write_text("not: [a manifest")
    (funclet.folder / "a.json").write_text(manifest(function("a"))[4:])
    ran = await funclet("apply", "-f", "more", "-f", "a.json")
    assert sorted(ran.out.splitlines()) == [
        "function.funclet.dev/a created",
        "function.funclet.dev/b created",
    ]


async def test_every_wrong_field_of_every_document_is_told_with_its_line_and_nothing_is_sent(
    funclet: Command, rest: Served
) -> None:
    (funclet.folder / "all.yaml").write_text(
        "apiVersion: funclet.dev/v1alpha1\n"
        "kind: Function\n"
        "metadata: {name: first}\n"
        "spec:\n"
        "  runtime: python3.11\n"
        "  handler: app.handler\n"
        "  memory: 1Mi\n"
        "  timout: 3s\n"
        "  code: {inline: {app.py: x}}\n"
        + manifest(function("good"), {"kind": "Alias", "metadata": {"name": "a"}, "spec": {"function": 7}})
    )
    (funclet.folder / "half.yaml").write_text("kind: Function\nmetadata: {name: [\n")
    ran = await funclet("apply", "-f", "all.yaml", "-f", "half.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert "all.yaml:7: document 1: Function first: spec.memory: " in ran.err
    assert (
        "all.yaml:8: document 1: Function first: spec.timout: is not a known field; did you mean timeout?"
        in ran.err
    )
    assert "document 3: Alias a: spec.function: " in ran.err
    assert "document 3: Alias a: apiVersion: " in ran.err
    assert "half.yaml:2: " in ran.err
    assert "good" not in ran.err
    assert "Nothing was sent" in ran.err
    assert await rest.kube.list("Function") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no object of funclet.dev/v1alpha1"),
        ("just words", "a manifest is an object"),
        ("[1, 2]", "a manifest is an object"),
        ("apiVersion: funclet.dev/v1alpha1\nkind: Funktion", "must be one of Function"),
        ("a: 1", "must be one of Function"),
        (
            "a: &a [x]\n"
            + "".join(
                f"k{n}: &k{n} [{', '.join(['*a' if n == 0 else f'*k{n - 1}'] * 40)}]\n" for n in range(20)
            ),
            "aliases",
        ),
        ("a: !!python/object/apply:os.system ['touch pwned']", "tag"),
        ("\0", "control characters"),
    ],
)
async def test_hostile_or_pointless_text_exits_2_with_a_reason(
    funclet: Command, text: str, words: str
) -> None:
    ran = await funclet("apply", "-f", "-", stdin=text)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert list(funclet.folder.iterdir()) == []


@pytest.mark.parametrize("arguments", [(), ("-f", "missing.yaml")])
async def test_a_file_that_is_not_there_or_not_said_exits_2(
    funclet: Command, arguments: tuple[str, ...]
) -> None:
    assert (await funclet("apply", *arguments)).code == 2


async def test_a_file_that_is_too_large_is_refused(funclet: Command) -> None:
    (funclet.folder / "big.yaml").write_bytes(b"#" * (3 << 20))
    ran = await funclet("apply", "-f", "big.yaml")
    assert ran.code == 2
    assert "at most" in ran.err


async def test_objects_of_others_are_passed_over_with_a_warning(funclet: Command) -> None:
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    ran = await funclet("apply", "-f", "-", stdin=manifest(other, function()))
    assert ran.out == "function.funclet.dev/greet created\n"
    assert "ConfigMap passed over" in ran.err


@pytest.mark.parametrize("kind", ["folder", "archive"])
async def test_a_zip_path_is_uploaded_and_named_by_its_hash(
    funclet: Command, rest: Served, kind: str
) -> None:
    (funclet.folder / "deploy" / "code").mkdir(parents=True)
    (funclet.folder / "deploy" / "code" / "app.py").write_text("def handler(event, context): return 1")
    (funclet.folder / "deploy" / "code.zip").write_bytes(pack_folder(funclet.folder / "deploy" / "code"))
    path = "code" if kind == "folder" else "code.zip"
    (funclet.folder / "deploy" / "f.yaml").write_text(manifest(function(code={"zip": {"path": path}})))
    ran = await funclet("apply", "-f", "deploy/f.yaml")
    assert (ran.code, ran.err) == (0, "")
    _, found = await rest.ask("GET", f"{FUNCTIONS}/greet")
    code = found["spec"]["code"]["zip"]
    content = rest.blobs.path(code["blob"]).read_bytes()
    assert code == {
        "blob": hashlib.sha256(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert (await funclet("apply", "-f", "deploy/f.yaml")).out == "function.funclet.dev/greet unchanged\n"


@pytest.mark.parametrize(
    ("archive", "words"),
    [
        ({"path": "missing.zip"}, "missing.zip: No such file"),
        ({"path": "code.zip", "sha256": "0" * 64}, "has SHA-256"),
        ({"path": "garbage.zip"}, "garbage.zip: Could not unzip uploaded file"),
    ],
)
async def test_code_that_is_missing_or_another_is_told_at_its_field(
    funclet: Command, archive: dict[str, str], words: str
) -> None:
    (funclet.folder / "code.zip").write_bytes(pack_folder(funclet.folder))
    (funclet.folder / "garbage.zip").write_bytes(b"PK archive")
    (funclet.folder / "f.yaml").write_text(manifest(function(code={"zip": archive})))
    ran = await funclet("apply", "-f", "f.yaml")
    assert ran.code == 2
    assert "f.yaml:2: document 1: Function greet: spec.code.zip.path: " in ran.err
    assert words in ran.err


async def test_what_only_the_server_can_refuse_exits_5_and_the_rest_is_done(
    funclet: Command, rest: Served
) -> None:
    await rest.apply(function(functionName="Greet_Me"))
    ran = await funclet("apply", "-f", "-", stdin=manifest(function(functionName="Other"), function("other")))
    assert ran.code == 5
    assert ran.out == "function.funclet.dev/other created\n"
    assert ran.err.startswith("function.funclet.dev/greet: ")
    assert "functionName is immutable" in ran.err


def test_the_namespace_is_the_manifests_own_or_else_that_of_the_flag(tmp_path: Path) -> None:
    own = function("own")
    own["metadata"]["namespace"] = "mine"
    (tmp_path / "f.yaml").write_text(manifest(own, function("other")))
    ready = read_valid((str(tmp_path / "f.yaml"),), "flag", keeps_code=False)
    found = [(each.body["metadata"]["namespace"], each.body["metadata"]["name"]) for each in ready.objects]
    assert found == [("mine", "own"), ("flag", "other")]


async def test_a_folder_without_manifests_says_so(funclet: Command, tmp_path: Path) -> None:
    (tmp_path / "work" / "empty").mkdir()
    ran = await funclet("apply", "-f", "empty")
    assert ran.code == 2
    assert "empty: there is no object" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [("get", "fn"), ("apply", "-f", "-"), ("publish", "greet"), ("invoke", "greet"), ("logs", "greet")],
)
async def test_another_namespace_than_the_one_of_local_mode_is_refused(
    funclet: Command, rest: Served, arguments: tuple[str, ...]
) -> None:
    ran = await funclet(*arguments, "-n", "other", stdin=manifest(function()))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("--namespace other: local mode has one namespace, default. ")
    assert await rest.kube.list("Function") == []


async def test_a_manifest_of_another_namespace_is_refused_too(funclet: Command, rest: Served) -> None:
    body = function()
    body["metadata"]["namespace"] = "other"
    ran = await funclet("apply", "-f", "-", stdin=manifest(body))
    assert ran.code == 2
    assert "Function greet: metadata.namespace: local mode has one namespace, default" in ran.err
    assert await rest.kube.list("Function") == []


async def test_what_get_writes_can_be_applied_again(funclet: Command, rest: Served) -> None:
    await rest.apply(function("a"))
    await rest.apply(function("b"))
    for form in ("yaml", "json"):
        for names in (("a",), ("a", "b")):
            got = await funclet("get", "fn", *names, "-o", form)
            ran = await funclet("apply", "-f", "-", stdin=got.out)
            assert (ran.code, ran.err) == (0, "")
            assert ran.out == "".join(f"function.funclet.dev/{name} unchanged\n" for name in names)


async def test_programs_are_told_the_objects_as_they_are_now_and_then_what_is_gone(funclet: Command) -> None:
    text = manifest(function("a"), function("b"))
    ran = await funclet("apply", "-f", "-", "-o", "json", stdin=text)
    applied = json.loads(ran.out)
    assert (ran.code, applied["kind"]) == (0, "List")
    assert [each["metadata"]["generation"] for each in applied["items"]] == [1, 1]
    ran = await funclet("delete", "fn", "a", "missing", "-o", "yaml")
    assert (ran.code, ran.err.startswith("function.funclet.dev/missing: ")) == (4, True)
    assert ran.out.endswith("kind: Function\nmetadata:\n  name: a\n  namespace: default\n")


async def test_standard_input_is_called_so(funclet: Command) -> None:
    ran = await funclet("apply", "-f", "-", stdin="")
    assert ran.err == "standard input: there is no object of funclet.dev/v1alpha1 in it.\n"
