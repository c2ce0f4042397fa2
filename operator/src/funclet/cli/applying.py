"""Applying and deleting object by object: one that fails does not keep the others from being done."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from funclet.cli.cluster import Cluster, Object
from funclet.cli.errors import CliError, Exit
from funclet.cli.finding import find
from funclet.cli.http import UnreachableError
from funclet.cli.manifests import read
from funclet.local.manifests import SOURCE, STDIN, Manifest, shown
from funclet.local.packing import Packed
from funclet.local.rest.kinds import API_VERSION, BY_KIND, GROUP, Kind

MANAGER = "funclet-cli"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object: `done` says it in a word, or `error` why not.

    `object` is how it is now, or what named it while it was there; `warning` is for people.
    """

    what: str
    done: str = ""
    error: CliError | None = None
    warning: str = ""
    object: Object | None = None


def apply_all(cluster: Cluster, wanted: Iterable[Manifest | Packed]) -> Iterator[Outcome]:
    """Apply the objects in their order. Raises UnreachableError: then none of the rest can be done."""
    for each in wanted:
        what = _called(BY_KIND[each.body["kind"]], each.body["metadata"]["name"])
        try:
            if isinstance(each, Packed):
                cluster.upload(each.sha256, each.archive)
            applied = cluster.apply(each.body, manager=MANAGER)
            yield Outcome(what, applied.verb, object=applied.object)
        except UnreachableError:
            raise
        except CliError as error:
            yield Outcome(what, error=_about(what, error))


@dataclass(frozen=True, slots=True)
class Named:
    """An object to be deleted."""

    kind: Kind
    name: str
    namespace: str
    #: the name may be the one in the Lambda API
    by_any_name: bool = False


def delete_all(cluster: Cluster, wanted: Iterable[Named]) -> Iterator[Outcome]:
    """Delete the objects in their order. Raises UnreachableError."""
    for each in wanted:
        what = _called(each.kind, each.name)
        try:
            name, warning = each.name, ""
            if each.by_any_name:
                found = find(cluster, each.kind, each.name)
                name, warning = found["metadata"]["name"], _comes_back(found)
            cluster.delete(each.kind, name, namespace=each.namespace)
            gone = {
                "apiVersion": API_VERSION,
                "kind": each.kind.kind,
                "metadata": {"name": name, "namespace": each.namespace},
            }
            yield Outcome(_called(each.kind, name), "deleted", warning=warning, object=gone)
        except UnreachableError:
            raise
        except CliError as error:
            yield Outcome(what, error=_about(what, error))


def described(files: tuple[str, ...], namespace: str) -> list[Named]:
    """The objects that manifests name, what depends on others first. Raises CliError."""
    found = read(files, namespace)
    if found.problems:
        raise CliError("\n".join([*found.problems, "Nothing was deleted."]), Exit.USAGE)
    named = []
    for manifest in reversed(found.manifests):
        metadata = manifest.body.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        name, own = metadata.get("name"), metadata.get("namespace")
        if not (isinstance(name, str) and name and isinstance(own, str)):
            raise CliError(
                f"{manifest.told('metadata.name', 'is required')}\nNothing was deleted.", Exit.USAGE
            )
        named.append(Named(BY_KIND[manifest.body["kind"]], name, own))
    return named


def _comes_back(found: Object) -> str:
    """Local mode makes anew what its manifests describe."""
    source = (found["metadata"].get("annotations") or {}).get(SOURCE)
    if not source or source == STDIN or not Path(source).exists():
        return ""
    return f"{found['metadata']['name']} comes back with the next change: {shown(source)} describes it"


def _called(kind: Kind, name: str) -> str:
    return f"{kind.singular}.{GROUP}/{name}"


def _about(what: str, error: CliError) -> CliError:
    return CliError(f"{what}: {error}", error.status)
