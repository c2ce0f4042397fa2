"""Labels and annotations of what Funclet makes for a revision: objects are found by them, and read by people."""

from typing import Final

from funclet.plan.names import label_value
from funclet.plan.revision import Revision

FUNCTION: Final = "funclet.dev/function"
REVISION: Final = "funclet.dev/revision"
FUNCTION_NAME: Final = "funclet.dev/function-name"
VERSION: Final = "funclet.dev/version"
EGRESS: Final = "funclet.dev/egress"


def labels(revision: Revision) -> dict[str, str]:
    """Label an object of a revision; `REVISION` alone tells its pods from all others."""
    label = label_value(revision.function)
    egress = revision.settings.network.egress
    return {
        # Network policies select by it; without one, a function may reach the internet.
        **({} if egress == "Internet" else {EGRESS: egress}),
        "app.kubernetes.io/managed-by": "funclet",
        "app.kubernetes.io/component": "function",
        "app.kubernetes.io/name": label,
        FUNCTION: label,
        REVISION: revision.key,
    }


def annotations(revision: Revision) -> dict[str, str]:
    """Say in full what a label may cut short."""
    return {
        FUNCTION: revision.function,
        FUNCTION_NAME: revision.function_name,
        VERSION: revision.version,
    }


def function_selector(function: str) -> str:
    """Select all pods of a Function, by the name of its object."""
    return f"{FUNCTION}={label_value(function)}"
