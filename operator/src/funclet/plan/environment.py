"""The environment of a runtime process, as AWS sets it.

Source: "Using Lambda environment variables" in AWS's developer guide, and AWS's runtime interface emulator.
"""

from collections.abc import Mapping

from funclet.api.values import parse_quantity
from funclet.plan.revision import Revision

_MEBIBYTE = 1 << 20

#: what AWS sets and lets a function change
LOCALE: Mapping[str, str] = {"LANG": "en_US.UTF-8", "TZ": ":UTC"}


def memory_mb(revision: Revision) -> int:
    """The function's memory in MB as AWS counts them (1 MB = 2**20 bytes)."""
    return parse_quantity(revision.settings.memory) // _MEBIBYTE


def runtime_environment(
    revision: Revision, *, region: str, task_root: str, runtime_dir: str, log_stream: str, path: str
) -> dict[str, str]:
    """The whole environment but AWS_LAMBDA_RUNTIME_API, which the supervisor adds.

    The function's own variables come first, so that none of them can take the place of a reserved one.
    """
    return {
        "PATH": path,
        **LOCALE,
        **function_environment(revision, region=region, task_root=task_root, runtime_dir=runtime_dir),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
    }


def function_environment(
    revision: Revision, *, region: str, task_root: str, runtime_dir: str
) -> dict[str, str]:
    """The part of the environment that all instances of a revision share, wherever they run."""
    return {
        **revision.settings.environment,
        **_reserved(revision, region=region),
        "LAMBDA_TASK_ROOT": task_root,
        "LAMBDA_RUNTIME_DIR": runtime_dir,
    }


def _reserved(revision: Revision, *, region: str) -> Mapping[str, str]:
    runtime = revision.runtime.name
    reserved = {
        "_HANDLER": revision.settings.handler or "",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": revision.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": revision.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb(revision)),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{revision.function_name}",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }
    if runtime != "image" and not runtime.startswith("provided"):
        reserved["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{runtime}"
    return reserved
