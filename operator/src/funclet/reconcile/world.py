"""The informer's objects as resources, with what belongs to them."""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from funclet.api.alias import Alias
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.rules import InvalidObjectError
from funclet.kube.informer import Index, Informer
from funclet.kube.objects import DEFAULT_NAMESPACE, key_of
from funclet.kube.port import KubePort, Object
from funclet.plan.plan import Key
from funclet.reconcile.reading import AnyResource, read, read_leniently, spec_of

#: in the order in which they can be applied: an alias names versions, a version its function
KINDS = ("Function", "FunctionVersion", "Alias")

_R = TypeVar("_R", Function, FunctionVersion, Alias)


def informer_for(
    kube: KubePort, *, kinds: Iterable[str] = (), indexes: Mapping[str, Index] | None = None
) -> Informer:
    """Make an informer of Funclet's kinds and further ones, with the indexes that World reads and further ones."""
    return Informer(kube, (*KINDS, *kinds), {"of": _of, "called": _called, **(indexes or {})})


def _of(manifest: Object) -> Iterable[Hashable]:
    function = spec_of(manifest).get("function")
    return [(manifest["kind"], _namespace(manifest), function)] if isinstance(function, str) else []


def _called(manifest: Object) -> Iterable[Hashable]:
    if manifest["kind"] != "Function":
        return []
    name = spec_of(manifest).get("functionName") or manifest["metadata"]["name"]
    return [(_namespace(manifest), name)] if isinstance(name, str) else []


def _namespace(manifest: Object) -> str:
    return str(manifest["metadata"].get("namespace") or DEFAULT_NAMESPACE)


class World:
    """Typed reading. An object is parsed once for each of its versions."""

    def __init__(self, informer: Informer) -> None:
        self.informer = informer
        self._parsed: dict[Key, tuple[Object, AnyResource | None, InvalidObjectError | None]] = {}

    def resource(self, key: Key) -> AnyResource | InvalidObjectError | None:
        """Read a resource; the error where its spec breaks a rule, None where there is none."""
        found, error = self._read(key)
        return error or found

    def readable(self, key: Key) -> AnyResource | None:
        """Read a resource whatever rules it breaks; None where there is none, or none that means anything."""
        return self._read(key)[0]

    def function(self, namespace: str, name: str) -> Function | None:
        """Read a Function by its object's name."""
        found = self.readable(Key("Function", namespace, name))
        return found if isinstance(found, Function) else None

    def versions(self, namespace: str, function: str) -> list[FunctionVersion]:
        """Read the versions that name this Function."""
        return self._all(FunctionVersion, "of", ("FunctionVersion", namespace, function))

    def aliases(self, namespace: str, function: str) -> list[Alias]:
        """Read the aliases that name this Function."""
        return self._all(Alias, "of", ("Alias", namespace, function))

    def called(self, namespace: str, lambda_name: str) -> list[Function]:
        """Read the Functions of this Lambda name; more than one is a conflict."""
        return self._all(Function, "called", (namespace, lambda_name))

    def _all(self, model: type[_R], index: str, value: Hashable) -> list[_R]:
        keys = [key_of(manifest) for manifest in self.informer.find(index, value)]
        found = [self.readable(key) for key in keys]
        return [each for each in found if isinstance(each, model) and not each.metadata.deletion_timestamp]

    def _read(self, key: Key) -> tuple[AnyResource | None, InvalidObjectError | None]:
        manifest = self.informer.get(key)
        if manifest is None:
            self._parsed.pop(key, None)
            return None, None
        known = self._parsed.get(key)
        if known is None or known[0] is not manifest:
            known = (manifest, *_attempt(manifest))
            self._parsed[key] = known
        return known[1:]


def _attempt(manifest: Object) -> tuple[AnyResource | None, InvalidObjectError | None]:
    try:
        return read(manifest), None
    except InvalidObjectError as error:
        # Its traceback would keep this manifest in memory.
        return read_leniently(manifest), error.with_traceback(None)
