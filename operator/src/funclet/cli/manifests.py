"""Manifests for the command line: all of them read and checked before anything is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from funclet.cli.errors import CliError, Exit
from funclet.cli.target import NAMESPACE, ONE_NAMESPACE
from funclet.local import packing
from funclet.local.archive import ArchiveError
from funclet.local.manifests import Manifest, ManifestError, manifest_files, parse, read_text, shown
from funclet.local.packing import Packed
from funclet.local.rest.kinds import API_VERSION, BY_KIND, KINDS

_ORDER = [kind.kind for kind in KINDS]


@dataclass(slots=True)
class Found:
    """What files hold, and everything that is wrong with it."""

    manifests: list[Manifest]
    problems: list[str]
    #: places of objects that are not Funclet's
    passed_over: list[str]


@dataclass(frozen=True, slots=True)
class Ready:
    """What is to be applied, in this order: objects, and those with code on this machine as packed."""

    objects: tuple[Manifest | Packed, ...]
    passed_over: tuple[str, ...]


def read(files: Sequence[str], namespace: str) -> Found:
    """The objects of all files as they stand there, in the order to apply them; nothing of them is checked."""
    found = Found([], [], [])
    try:
        sources = manifest_files(files)
    except ManifestError as error:
        raise CliError(f"{error}. Give another -f.", Exit.USAGE) from error
    for source in sources:
        try:
            parsed = parse(source, read_text(source))
        except ManifestError as error:
            found.problems.append(str(error))
            continue
        for manifest in parsed.manifests:
            _sort(manifest, namespace, found)
        found.problems += parsed.problems
    found.manifests.sort(key=lambda manifest: _ORDER.index(manifest.body["kind"]))
    return found


def read_valid(files: Sequence[str], namespace: str, *, keeps_code: bool) -> Ready:
    """As `read`, each object valid and its code at hand. Raises CliError with every wrong field of all of them.

    `keeps_code`: whether code that lies on this machine can be brought to where the objects go, as in local mode.
    """
    found = read(files, namespace)
    ready: list[Manifest | Packed] = []
    for manifest in found.manifests:
        problems = list(_wrong(manifest)) or list(
            _elsewhere(manifest) if keeps_code else _unreachable(manifest)
        )
        found.problems += problems
        if not problems:
            try:
                ready.append(_with_code(manifest))
            except ArchiveError as error:
                found.problems.append(manifest.told(packing.FIELD, str(error)))
    if found.problems:
        told = "\n".join(found.problems)
        raise CliError(f"{told}\nNothing was sent. Mend this and try again.", Exit.USAGE)
    if not ready:
        raise CliError(
            f"{', '.join(map(shown, files))}: there is no object of {API_VERSION} in it.", Exit.USAGE
        )
    return Ready(tuple(ready), tuple(found.passed_over))


def _sort(manifest: Manifest, namespace: str, found: Found) -> None:
    body = manifest.body
    if body.get("kind") in BY_KIND:
        metadata = body.get("metadata")
        if isinstance(metadata, dict) and not metadata.get("namespace"):
            body = {**body, "metadata": {**metadata, "namespace": namespace}}
        found.manifests.append(replace(manifest, body=body))
    elif body.get("apiVersion") == API_VERSION or "kind" not in body:
        found.problems.append(manifest.told("kind", f"must be one of {', '.join(BY_KIND)}"))
    else:
        found.passed_over.append(f"{manifest.place}: {body['kind']}")


def _wrong(manifest: Manifest) -> Iterator[str]:
    from funclet.api.rules import validate  # noqa: PLC0415  # 0.3 s that deleting does not need

    for problem in validate(manifest.body, unknown="refuse"):
        yield manifest.told(problem.path, problem.message)


def _elsewhere(manifest: Manifest) -> Iterator[str]:
    """A namespace that local mode has not: nothing would look after the object."""
    if manifest.body["metadata"].get("namespace") != NAMESPACE:
        yield manifest.told("metadata.namespace", ONE_NAMESPACE)


def _unreachable(manifest: Manifest) -> Iterator[str]:
    """Code that is here, and that a cluster cannot come for."""
    if packing.code_path(manifest.body, manifest.folder) is not None:
        message = (
            "is on this machine, and a cluster fetches code by itself: put the zip where it can, and give zip.url or"
            " zip.s3 with zip.sha256; a few files may stand in code.inline"
        )
        yield manifest.told(packing.FIELD, message)


def _with_code(manifest: Manifest) -> Manifest | Packed:
    """The object with the code that its zip.path names. Raises ArchiveError."""
    path = packing.code_path(manifest.body, manifest.folder)
    return manifest if path is None else packing.pack(manifest.body, path)
