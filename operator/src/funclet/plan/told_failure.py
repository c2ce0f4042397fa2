"""Why a revision cannot start, as a status tells it, and as it is read back from there after a restart."""

from collections.abc import Mapping
from typing import Any

from funclet.plan.pods import condition_of
from funclet.plan.routes import Unavailable


def cannot_start(key: str, failure: Unavailable, *, serving: str | None = None) -> str:
    """Say that a revision does not start; `serving` names the one that goes on serving meanwhile."""
    still = "" if serving is None else _still(serving)
    return f"{_begins(key)}{failure.message}{still}"


def told_failure(owner: Mapping[str, Any]) -> tuple[str, Unavailable] | None:
    """Read what the status of a Function or a FunctionVersion tells of a start that failed: revision and why.

    The revision's name stands for what it runs, so it does not matter which generation was told of.
    """
    status = owner.get("status") or {}
    key = status.get("latestRevision") or status.get("revision")
    ready = condition_of(owner, "Ready")
    message = str(ready.get("message") or "") if ready is not None else ""
    if ready is None or not key or ready.get("status") != "False" or not message.startswith(_begins(key)):
        return None
    said = message.removeprefix(_begins(key)).removesuffix(_still(str(status.get("servingRevision"))))
    return key, Unavailable(str(ready.get("reason")), said)


def _begins(key: str) -> str:
    return f"revision {key} cannot start: "


def _still(serving: str) -> str:
    return f"; revision {serving} goes on serving"
