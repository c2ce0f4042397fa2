"""What the Lambda API lets a caller delete; `kubectl delete` is not asked."""

from collections.abc import Iterable
from dataclasses import dataclass

from funclet.api.alias import Alias


@dataclass(frozen=True, slots=True)
class Refusal:
    """AWS's error and its words."""

    error: str
    message: str


def refuse_version_delete(version: str, aliases: Iterable[Alias]) -> Refusal | None:
    """Say why this version of a function must stay; `aliases` are the function's. None: it may go."""
    if version == "$LATEST":
        message = "$LATEST version cannot be deleted without deleting the function."
        return Refusal("InvalidParameterValueException", message)
    users = sorted(alias.spec.name for alias in aliases if version in named_versions(alias))
    if not users:
        return None
    message = f"Unable to delete version because the following aliases reference it: [{', '.join(users)}]"
    return Refusal("ResourceConflictException", message)


def named_versions(alias: Alias) -> frozenset[str]:
    """Name the versions that an alias sends calls to."""
    return frozenset({alias.spec.version, *alias.spec.routing_config.additional_version_weights})
