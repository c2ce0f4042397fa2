"""The environment of a runtime process, as AWS sets it.

Source: "Using Lambda environment variables" in AWS's developer guide, and AWS's runtime interface emulator.
"""

from collections.abc import Mapping

from funclet.api.values import parse_quantity
from funclet.plan.revision import Revision

_MEBIBYTE = 1 << 20


def memory_mb(revision: Revision) -> int:
    """The function's memory in MB as AWS counts them (1 MB = 2**20 bytes)."""
    return parse_quantity(revision.settings.memory) // _MEBIBYTE


def runtime_environment(
    revision: Revision, *, region: str, task_root: str, runtime_dir: str, log_stream: str, path: str
) -> dict[str, str]:
    """The whole environment but AWS_LAMBDA_RUNTIME_API, which the supervisor adds.

    The function's own variables come first, so that none of them can take the place of a reserved one.
    """
    settings = revision.settings
    environment: dict[str, str] = {"PATH": path, "LANG": "en_US.UTF-8", "TZ": ":UTC"}
    environment.update(settings.environment)
    environment.update(_reserved(revision, region=region, log_stream=log_stream))
    environment.update({"LAMBDA_TASK_ROOT": task_root, "LAMBDA_RUNTIME_DIR": runtime_dir})
    return environment


def _reserved(revision: Revision, *, region: str, log_stream: str) -> Mapping[str, str]:
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
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
    }
    if not runtime.startswith("provided"):
        reserved["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{runtime}"
    return reserved
