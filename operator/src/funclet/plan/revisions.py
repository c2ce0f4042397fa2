"""What a Function or a FunctionVersion runs: its settings, hashed by meaning and not by spelling."""

import hashlib
import json
from typing import Any

from funclet.api.function import Function
from funclet.api.function_version import FunctionVersion
from funclet.api.settings import VersionedSettings
from funclet.api.values import parse_duration, parse_quantity
from funclet.plan import names, reasons
from funclet.plan.honours import missing
from funclet.plan.observed import CodeState
from funclet.plan.revision import Platform, ResolvedRuntime, Revision
from funclet.plan.routes import LATEST, Unavailable

_FIELDS = frozenset(VersionedSettings.model_fields)


def versioned(spec: VersionedSettings) -> VersionedSettings:
    """Take the versioned fields alone, of a Function's or a FunctionVersion's spec."""
    return VersionedSettings.model_construct(
        spec.model_fields_set & _FIELDS, **{name: getattr(spec, name) for name in sorted(_FIELDS)}
    )


def settings_hash(settings: VersionedSettings, code_sha256: str) -> str:
    """Equal for equal settings and code: what tells whether a publish has something new.

    The runtime counts as it is written: a patched interpreter is no change of the function.
    """
    return _hash({**_canonical(settings, code_sha256), "runtime": settings.runtime})


def make_revision(
    function: Function, version: str, settings: VersionedSettings, code_sha256: str, runtime: ResolvedRuntime
) -> Revision:
    """Make the revision that these settings give; `version` is "$LATEST" or a number."""
    content = _hash(
        {
            **_canonical(settings, code_sha256),
            "runtime": runtime.digest or runtime.name,
            "name": function.lambda_name,
        }
    )
    meta = function.metadata
    return Revision(
        key=names.revision_name(meta.namespace, meta.name, version, content),
        namespace=meta.namespace,
        function=meta.name,
        function_name=function.lambda_name,
        version=version,
        settings=versioned(settings),
        code_sha256=code_sha256,
        runtime=runtime,
    )


def latest_revision(
    function: Function, code: CodeState | Unavailable | None, platform: Platform
) -> Revision | Unavailable:
    """Tell what $LATEST runs, or why it cannot."""
    if function.spec.concurrency.per_instance > 1:
        message = (
            "spec.concurrency.perInstance: more than one invocation at a time in one instance is not supported"
            " yet; leave it at 1"
        )
        return Unavailable(reasons.NOT_SUPPORTED, message)
    runtime = missing(function.spec, platform) or _runtime(function.spec, platform)
    if isinstance(runtime, Unavailable):
        return runtime
    if not isinstance(code, CodeState):
        return code or Unavailable(reasons.CODE_PENDING, "the code is being made ready")
    return make_revision(function, LATEST, function.spec, code.sha256, _of_image(runtime, code.sha256))


def version_revision(
    version: FunctionVersion,
    function: Function,
    code: CodeState | Unavailable | None,
    platform: Platform,
) -> Revision | Unavailable:
    """Tell what a published version runs, with the runtime that it froze, or why it cannot."""
    spec = version.spec
    runtime = missing(spec, platform) or _frozen_runtime(version, platform)
    if isinstance(runtime, Unavailable):
        return runtime
    if not isinstance(code, CodeState):
        return code or Unavailable(reasons.CODE_PENDING, "the code is being made ready")
    if code.sha256 != spec.code_sha256:
        message = f"the code's SHA-256 is {code.sha256}, spec.codeSha256 says {spec.code_sha256}"
        return Unavailable(reasons.CODE_MISMATCH, message)
    return make_revision(function, spec.version, spec, code.sha256, runtime)


def _runtime(settings: VersionedSettings, platform: Platform) -> ResolvedRuntime | Unavailable:
    if settings.code.image is not None:
        return ResolvedRuntime("image", "")
    found = platform.runtimes.get(settings.runtime or "")
    if found is not None:
        return found
    here = ", ".join(sorted(platform.runtimes)) or "none"
    message = f"spec.runtime: {settings.runtime or 'none given'} is not available here; available: {here}"
    return Unavailable(reasons.RUNTIME_NOT_AVAILABLE, message)


def _of_image(runtime: ResolvedRuntime, sha256: str) -> ResolvedRuntime:
    return runtime if runtime.digest else ResolvedRuntime(runtime.name, f"sha256:{sha256}")


def _frozen_runtime(version: FunctionVersion, platform: Platform) -> ResolvedRuntime | Unavailable:
    frozen = version.spec.runtime_digest or ""
    if version.spec.code.image is not None:
        return ResolvedRuntime("image", f"sha256:{version.spec.code_sha256}")
    same = next((runtime for runtime in platform.runtimes.values() if runtime.digest == frozen), None)
    if same is not None:
        return same
    if any(_is_local(runtime) for runtime in platform.runtimes.values()):
        here = _runtime(version.spec, platform)
        return _stand_in(here, frozen) if isinstance(here, ResolvedRuntime) else here
    if frozen.startswith("local:"):
        message = f"the version was published on a laptop ({frozen}); publish it again here"
        return Unavailable(reasons.RUNTIME_NOT_AVAILABLE, message)
    # An image is pulled by its digest, whatever the platform's current one is.
    return ResolvedRuntime(version.spec.runtime or "", frozen)


def _is_local(runtime: ResolvedRuntime) -> bool:
    return runtime.digest.startswith("local:")


def _stand_in(runtime: ResolvedRuntime, frozen: str) -> ResolvedRuntime:
    warning = f"published on {frozen}, runs on {runtime.name} ({runtime.digest})"
    return ResolvedRuntime(runtime.name, runtime.digest, warning)


def _canonical(settings: VersionedSettings, code_sha256: str) -> dict[str, Any]:
    content = settings.model_dump(mode="json", include=set(_FIELDS - {"runtime", "code"}), exclude_none=True)
    content["memory"] = parse_quantity(settings.memory)
    content["ephemeralStorage"] = parse_quantity(settings.ephemeral_storage)
    content["timeout"] = round(parse_duration(settings.timeout) * 1_000_000)
    image = settings.code.image
    # Where the archive came from is no matter: its hash says what it is.
    content["code"] = image.model_dump(mode="json") if image is not None else code_sha256
    return content


def _hash(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
