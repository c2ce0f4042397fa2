"""The informer's objects as resources, with what belongs to them."""

import re
from collections.abc import Hashable, Iterable
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from funclet.api.alias import Alias
from funclet.api.base import Condition
from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.rules import InvalidObjectError, parse
from funclet.kube.informer import Informer
from funclet.kube.objects import DEFAULT_NAMESPACE, key_of
from funclet.kube.port import KubePort, Object
from funclet.plan.plan import Key

AnyResource = Function | FunctionVersion | Alias
#: in the order in which they can be applied: an alias names versions, a version its function
KINDS = ("Function", "FunctionVersion", "Alias")
_STATUS = re.compile(r"status(?:[.\[]([^.\[\]]+).*)?$")

_CONDITIONS = TypeAdapter(list[Condition])
_R = TypeVar("_R", Function, FunctionVersion, Alias)


def informer_for(kube: KubePort) -> Informer:
    """Make an informer of Funclet's kinds, with the indexes that World reads."""
    return Informer(kube, KINDS, {"of": _of, "called": _called})


def _of(manifest: Object) -> Iterable[Hashable]:
    function = _spec(manifest).get("function")
    return [(manifest["kind"], _namespace(manifest), function)] if isinstance(function, str) else []


def _called(manifest: Object) -> Iterable[Hashable]:
    if manifest["kind"] != "Function":
        return []
    name = _spec(manifest).get("functionName") or manifest["metadata"]["name"]
    return [(_namespace(manifest), name)] if isinstance(name, str) else []


def _spec(manifest: Object) -> Object:
    spec = manifest.get("spec")
    return spec if isinstance(spec, dict) else {}


def _namespace(manifest: Object) -> str:
    return str(manifest["metadata"].get("namespace") or DEFAULT_NAMESPACE)


def read(manifest: Object) -> AnyResource:
    """Read an object of a known kind. Raises InvalidObjectError for a spec that breaks a rule.

    Fields of a newer Funclet are passed over. A status that somebody spoilt is read as far as it goes.
    """
    try:
        return parse(manifest, unknown="ignore")
    except InvalidObjectError as error:
        spoilt = {problem.path for problem in error.problems}
        if not all(_STATUS.match(path) for path in spoilt):
            raise
    return parse({**manifest, "status": _sound(manifest.get("status"), spoilt)}, unknown="ignore")


def _sound(status: object, spoilt: set[str]) -> Object:
    """The fields of a status that nothing is wrong with."""
    wrong = {match[1] for path in spoilt if (match := _STATUS.match(path))}
    if not isinstance(status, dict) or None in wrong:
        return {}
    return {name: value for name, value in status.items() if name not in wrong}


def read_status(manifest: Object) -> list[Condition]:
    """Read the conditions of an object whose spec cannot be read."""
    try:
        return _CONDITIONS.validate_python((manifest.get("status") or {}).get("conditions") or [])
    except (ValidationError, AttributeError):
        return []


class World:
    """Typed reading. An object is parsed once for each of its versions."""

    def __init__(self, informer: Informer) -> None:
        self.informer = informer
        self._parsed: dict[Key, tuple[Object, AnyResource | InvalidObjectError]] = {}

    def resource(self, key: Key) -> AnyResource | InvalidObjectError | None:
        """Read a resource; the error where its spec cannot be understood, None where there is none."""
        manifest = self.informer.get(key)
        if manifest is None:
            self._parsed.pop(key, None)
            return None
        known = self._parsed.get(key)
        if known is None or known[0] is not manifest:
            known = (manifest, _attempt(manifest))
            self._parsed[key] = known
        return known[1]

    def function(self, namespace: str, name: str) -> Function | None:
        """Read a Function by its object's name."""
        found = self.resource(Key("Function", namespace, name))
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
        found = [self.resource(key) for key in keys]
        return [each for each in found if isinstance(each, model) and not each.metadata.deletion_timestamp]


def _attempt(manifest: Object) -> AnyResource | InvalidObjectError:
    try:
        return read(manifest)
    except InvalidObjectError as error:
        return error
