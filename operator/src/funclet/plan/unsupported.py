"""Versioned fields that nothing serves yet: each is told of, and keeps no function from being called."""

from collections.abc import Iterator

from funclet.api.settings import Logging, VersionedSettings


def unsupported(settings: VersionedSettings) -> Iterator[str]:
    """Name those that a Function or a FunctionVersion asks for; what one platform alone has not is told by `honours`."""
    if settings.layers:
        yield "spec.layers"
    if (settings.role or "").startswith("arn:"):
        yield "spec.role: the ARN of an IAM role"
    if settings.logging.application_level != Logging().application_level:
        yield "spec.logging.applicationLevel"
    if settings.logging.system_level != Logging().system_level:
        yield "spec.logging.systemLevel"
