"""Versioned fields that nothing serves yet: each is told of, and keeps no function from being called."""

from collections.abc import Iterator

from funclet.api.settings import Logging, Network, VersionedSettings
from funclet.plan.revision import Platform


def unsupported(settings: VersionedSettings, platform: Platform) -> Iterator[str]:
    """Name those that a Function or a FunctionVersion asks for."""
    if settings.layers:
        yield "spec.layers"
    if (settings.role or "").startswith("arn:"):
        yield "spec.role: the ARN of an IAM role"
    if settings.logging.application_level != Logging().application_level:
        yield "spec.logging.applicationLevel"
    if settings.logging.system_level != Logging().system_level:
        yield "spec.logging.systemLevel"
    if platform.account is not None:
        yield from _on_a_laptop(settings)


def _on_a_laptop(settings: VersionedSettings) -> Iterator[str]:
    """Name what only a cluster has."""
    if settings.secrets:
        yield "spec.secrets (on a laptop)"
    if settings.config_maps:
        yield "spec.configMaps (on a laptop)"
    if settings.network != Network():
        yield "spec.network (on a laptop)"
