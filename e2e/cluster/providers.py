"""The ways to a cluster, by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cluster.current import Current
from cluster.errors import CannotRun
from cluster.host.provider import Host
from cluster.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.provider import Provider

VARIABLE = "FUNCLET_CLUSTER"
PROVIDERS: dict[str, Callable[[Callable[[str], None]], Provider]] = {
    "current": Current,
    "host": Host,
    "kind": Kind,
}


def default() -> str:
    """The provider that the environment names, else host."""
    return os.environ.get(VARIABLE) or "host"


def choose(name: str, say: Callable[[str], None]) -> Provider:
    """The provider of that name; `say` is told of its progress. Raises CannotRun."""
    if name not in PROVIDERS:
        raise CannotRun(f"there is no provider {name!r}: choose {', '.join(sorted(PROVIDERS))}")
    return PROVIDERS[name](say)
