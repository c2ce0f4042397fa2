"""What became of several objects, told as the caller wants it."""

import sys
from collections.abc import Iterable
from typing import Any

from funclet.cli import render
from funclet.cli.applying import Outcome
from funclet.cli.errors import Exit


def tell(outcomes: Iterable[Outcome], output: render.Words) -> Exit:
    """Tell each as it comes, or with JSON and YAML all that were done at the end; gives the exit code."""
    status = Exit.OK
    done: list[dict[str, Any]] = []
    for outcome in outcomes:
        if outcome.error is not None:
            sys.stderr.write(f"{outcome.error}\n")
            status = outcome.error.status
            continue
        if output == "text":
            sys.stdout.write(f"{outcome.what} {outcome.done}\n")
        if outcome.object is not None:
            done.append(outcome.object)
        if outcome.warning:
            sys.stderr.write(f"warning: {outcome.warning}\n")
    if output != "text":
        sys.stdout.write(render.structured(done[0] if len(done) == 1 else render.as_list(done), output))
    return status
