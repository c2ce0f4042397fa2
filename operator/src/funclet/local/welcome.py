"""What is told once local mode serves: where, what, and how to call it. Pure."""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from funclet.local.manifests import shown
from funclet.plan.revision import Revision
from funclet.plan.routes import LATEST, FunctionRoute

_DEFAULT_STATE = Path(".funclet")


def welcome(
    routes: Iterable[FunctionRoute], *, url: str, admin_url: str, state: Path, wrong: bool
) -> Iterator[str]:
    """Lines to show. `wrong` says that something was told before which keeps manifests from being served.

    Commands find both addresses by the state folder, so that is all they need to be told.
    """
    yield f"Lambda API at {url}, administration at {admin_url} (token in {shown(str(state.resolve()))}/admin.token)"
    can_run = {route.name: _can_run(route) for route in sorted(routes, key=lambda route: route.name)}
    if not can_run:
        yield (
            "No function can be called yet: mend what is told above."
            if wrong
            else "No functions yet: add a manifest, or use funclet apply -f FILE."
        )
        return
    told = ", ".join(name if runs else f"{name} (cannot run)" for name, runs in can_run.items())
    example = next((name for name, runs in can_run.items() if runs), None)
    flag = "" if state == _DEFAULT_STATE else f" --state {shlex.quote(str(state))}"
    hint = "" if example is None else f". Try: funclet invoke {example} --payload '{{}}'{flag}"
    yield f"Functions: {told}{hint}"


def _can_run(route: FunctionRoute) -> bool:
    return isinstance(route.serving or route.versions.get(LATEST), Revision)
