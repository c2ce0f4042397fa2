"""Which FunctionVersions count: those that Funclet made, and those of users that came with a new number."""

from collections.abc import Iterable

from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.plan import reasons
from funclet.plan.conditions import find
from funclet.plan.owners import made_by, older


def is_admitted(version: FunctionVersion, function: Function) -> bool:
    """Whether the version is served. A user's own is admitted once, and its status remembers it."""
    return made_by(function, version) or version.status.function_arn is not None


def is_undecided(version: FunctionVersion, function: Function) -> bool:
    """Whether a user's version still waits to be admitted or refused."""
    if is_admitted(version, function) or version.metadata.deletion_timestamp:
        return False
    stalled = find("Stalled", version.status.conditions)
    # One that came before its Function was refused by nobody: now that there is one, it is looked at anew.
    return stalled is None or stalled.status != "True" or stalled.reason == reasons.FUNCTION_NOT_FOUND


def admitted(versions: Iterable[FunctionVersion], function: Function) -> dict[int, FunctionVersion]:
    """List the versions that count, by number and in its order; of two with one number the older."""
    by_number: dict[int, FunctionVersion] = {}
    for version in versions:
        number = int(version.spec.version)
        known = by_number.get(number)
        if is_admitted(version, function) and (known is None or older(version, known)):
            by_number[number] = version
    return dict(sorted(by_number.items()))
