"""Manifests for the command line: all of them read and checked before anything is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from funclet.cli.errors import CliError, Exit
from funclet.local.archive import ArchiveError, read_code, sha256
from funclet.local.manifests import STDIN, ManifestError, manifest_files, read_text
from funclet.local.rest_kinds import API_VERSION, BY_KIND, KINDS
from funclet.local.rest_yaml import Document, YamlError, load

_ORDER = [kind.kind for kind in KINDS]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of a file. `archive` is the code that its zip.path named, to be uploaded first."""

    source: str
    document: Document
    object: dict[str, Any]
    archive: bytes | None = None

    def told(self, path: str, message: str) -> str:
        """A problem as a person looks for it: file, line, document, object, field."""
        place = f"{_shown(self.source)}:{self.document.line_of(path)}: document {self.document.number}"
        metadata = self.object.get("metadata")
        name = metadata.get("name", "") if isinstance(metadata, dict) else ""
        return f"{place}: {self.object.get('kind', 'object')} {name}: {path or 'the object'}: {message}"


@dataclass(slots=True)
class Found:
    """What files hold, and everything that is wrong with it."""

    manifests: list[Manifest]
    problems: list[str]
    #: places of objects that are not Funclet's
    passed_over: list[str]


def read(files: Sequence[str], namespace: str) -> Found:
    """The objects of all files as they stand there, in the order to apply them; nothing of them is checked."""
    found = Found([], [], [])
    try:
        sources = manifest_files(files)
    except ManifestError as error:
        raise CliError(f"{error}. Give another -f.", Exit.USAGE) from error
    for source in sources:
        try:
            stream = load(read_text(source))
        except ManifestError as error:
            found.problems.append(str(error))
            continue
        for document in stream.documents:
            _sort(source, document, namespace, found)
        if stream.error is not None:
            found.problems.append(_not_yaml(source, stream.error))
    found.manifests.sort(key=lambda manifest: _ORDER.index(manifest.object["kind"]))
    return found


def read_valid(files: Sequence[str], namespace: str) -> Found:
    """As `read`, each object valid and its code at hand. Raises CliError with every wrong field of all of them."""
    found = read(files, namespace)
    ready = []
    for manifest in found.manifests:
        problems = list(_wrong(manifest))
        found.problems += problems
        if not problems:
            try:
                ready.append(_with_code(manifest))
            except ArchiveError as error:
                found.problems.append(manifest.told("spec.code.zip.path", str(error)))
    if found.problems:
        told = "\n".join(found.problems)
        raise CliError(f"{told}\nNothing was sent. Mend this and try again.", Exit.USAGE)
    if not ready:
        raise CliError(f"{' '.join(files)}: there is no object of {API_VERSION} in it.", Exit.USAGE)
    return replace(found, manifests=ready)


def _sort(source: str, document: Document, namespace: str, found: Found) -> None:
    body = document.value
    if not isinstance(body, dict):
        place = f"{_shown(source)}:{document.line}: document {document.number}"
        found.problems.append(f"{place}: a manifest is an object with apiVersion and kind")
    elif body.get("kind") in BY_KIND:
        metadata = body.get("metadata")
        if isinstance(metadata, dict) and not metadata.get("namespace"):
            body = {**body, "metadata": {**metadata, "namespace": namespace}}
        found.manifests.append(Manifest(source, document, body))
    elif body.get("apiVersion") == API_VERSION or "kind" not in body:
        found.problems.append(
            Manifest(source, document, body).told("kind", f"must be one of {', '.join(BY_KIND)}")
        )
    else:
        found.passed_over.append(f"{_shown(source)}:{document.line}: {body['kind']}")


def _wrong(manifest: Manifest) -> Iterator[str]:
    from funclet.api.rules import validate  # noqa: PLC0415  # 0.3 s that deleting does not need

    for problem in validate(manifest.object, unknown="refuse"):
        yield manifest.told(problem.path, problem.message)


def _with_code(manifest: Manifest) -> Manifest:
    """The manifest with the archive that its zip.path names. Raises ArchiveError."""
    spec = manifest.object["spec"]
    archive = (spec.get("code") or {}).get("zip") or {}
    if "path" not in archive:
        return manifest
    folder = Path.cwd() if manifest.source == STDIN else Path(manifest.source).parent
    content = read_code(folder / archive["path"])
    digest = sha256(content)
    if archive.get("sha256", digest) != digest:
        raise ArchiveError(
            f"{archive['path']} has SHA-256 {digest}, and the manifest says {archive['sha256']}"
        )
    code = {**spec["code"], "zip": {"blob": digest, "sha256": digest}}
    return replace(manifest, object={**manifest.object, "spec": {**spec, "code": code}}, archive=content)


def _not_yaml(source: str, error: YamlError) -> str:
    return f"{_shown(source)}:{error.line}: {error}"


def _shown(source: str) -> str:
    """The file, short where it lies below the current folder."""
    if source == STDIN:
        return "standard input"
    path = Path(source)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else source
