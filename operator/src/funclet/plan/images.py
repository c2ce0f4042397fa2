"""Which image runs a revision; always by digest, so that a revision is the same bytes for life."""

from dataclasses import dataclass

from funclet.api.platform import Image, PlatformConfig, RuntimeImage
from funclet.api.runtimes import CURRENT
from funclet.plan import reasons
from funclet.plan.revision import ResolvedRuntime, Revision
from funclet.plan.routes import Unavailable

_COMMAND_MISSING = (
    "spec.code.image.command: is required on a cluster, where the supervisor starts the image's program and "
    "cannot read its entry point; write what ENTRYPOINT and CMD say, such as [python, -m, awslambdaric, app.handler]"
)


@dataclass(frozen=True, slots=True)
class Program:
    """An image as a pod names it, and the argv of the runtime process in it."""

    image: str
    pull_policy: str
    command: tuple[str, ...]


def resolved_runtimes(config: PlatformConfig) -> dict[str, ResolvedRuntime]:
    """Give every name that can run here; a bare one, such as python, means the first full one beside it."""
    return {
        name: ResolvedRuntime(_full_name(runtime, name), runtime.image.digest)
        for runtime in config.runtimes
        for name in runtime.names
    }


def program(revision: Revision, config: PlatformConfig) -> Program | Unavailable:
    """Say what a revision executes, or why it cannot be executed on a cluster."""
    image = revision.settings.code.image
    if image is not None:
        if not image.command:
            return Unavailable(reasons.IMAGE_COMMAND_MISSING, _COMMAND_MISSING)
        pinned = f"{repository(image.ref)}@sha256:{revision.code_sha256}"
        return Program(pinned, "IfNotPresent", tuple(image.command))
    runtime = _runtime(revision, config)
    if runtime is None:
        name = revision.runtime.name
        message = (
            f"spec.runtime: no image of {name} is known here, so {revision.runtime.digest} cannot be found"
        )
        return Unavailable(reasons.RUNTIME_NOT_AVAILABLE, message)
    handler = revision.settings.handler or ""
    command = tuple(word.replace("{handler}", handler) for word in runtime.command)
    pinned = f"{repository(runtime.image.ref)}@{revision.runtime.digest}"
    return Program(pinned, runtime.image.pull_policy, command)


def pinned_image(image: Image) -> str:
    """Name an image of the platform as a pod does."""
    return f"{repository(image.ref)}@{image.digest}"


def repository(ref: str) -> str:
    """Leave out tag and digest: `host:5000/team/app:1.2@sha256:…` is `host:5000/team/app`."""
    name = ref.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def _runtime(revision: Revision, config: PlatformConfig) -> RuntimeImage | None:
    """Find the runtime of this digest, else the one that has the name: an older image lies beside it."""
    same = (each for each in config.runtimes if each.image.digest == revision.runtime.digest)
    named = (each for each in config.runtimes if revision.runtime.name in each.names)
    return next(same, None) or next(named, None)


def _full_name(runtime: RuntimeImage, name: str) -> str:
    full = (each for each in runtime.names if each not in CURRENT)
    return next(full, name) if name in CURRENT else name
