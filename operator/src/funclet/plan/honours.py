"""What a platform does of a function's settings: a laptop has no Secrets, and sets no bounds to disks and networks."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from funclet.api.settings import VersionedSettings
from funclet.api.values import parse_quantity
from funclet.plan import reasons
from funclet.plan.conditions import Verdict
from funclet.plan.plan import Event
from funclet.plan.revision import Platform, Revision
from funclet.plan.routes import Unavailable

_DEFAULT_STORAGE = parse_quantity(str(VersionedSettings.model_fields["ephemeral_storage"].default))
_ASKS: Mapping[str, Callable[[VersionedSettings], bool]] = {
    "secrets": lambda settings: bool(settings.secrets),
    "configMaps": lambda settings: bool(settings.config_maps),
    "role": lambda settings: settings.role is not None,
    "ephemeralStorage": lambda settings: parse_quantity(settings.ephemeral_storage) != _DEFAULT_STORAGE,
    "network": lambda settings: settings.network.egress != "Internet",
}


def missing(settings: VersionedSettings, platform: Platform) -> Unavailable | None:
    """Why the function is not served: it would not find what it is told to look for."""
    asked = _asked(settings, platform.without)
    if not asked:
        return None
    message = (
        f"{asked}: not supported here, and the function would miss it in its environment; put what it needs into"
        " spec.environment, or run it on a cluster"
    )
    return Unavailable(reasons.NOT_SUPPORTED, message)


def with_unenforced(verdict: Verdict, revision: Revision, platform: Platform) -> Verdict:
    """The verdict, which says of what is Ready what is not enforced."""
    asked = _asked(revision.settings, platform.unenforced)
    if not asked or verdict.state != "Ready":
        return verdict
    return replace(verdict, message=f"{verdict.message}; {_sentence(asked)}")


def told_unenforced(revision: Revision, before: str | None, platform: Platform) -> tuple[Event, ...]:
    """Warn once of what is not enforced; `before` is the key of the revision that was looked at last."""
    asked = _asked(revision.settings, platform.unenforced)
    if not asked or before == revision.key:
        return ()
    return (Event("Warning", reasons.NOT_ENFORCED, _sentence(asked)),)


def _sentence(asked: str) -> str:
    return f"{asked}: not enforced on a laptop"


def _asked(settings: VersionedSettings, among: frozenset[str]) -> str:
    return ", ".join(f"spec.{field}" for field, asks in _ASKS.items() if field in among and asks(settings))
