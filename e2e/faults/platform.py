"""Faults of Funclet's own processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults import pods

if TYPE_CHECKING:
    from random import Random

    from release.release import Release


def end_a_gateway(release: Release, chance: Random) -> str:
    """SIGTERM for one of the gateways; its Deployment makes another. Gives its name."""
    victim = chance.choice(release.pods("gateway"))
    pods.delete(release.kubectl, victim)
    return str(victim["metadata"]["name"])


def gateways_are_ready(release: Release, count: int) -> bool:
    """Whether so many gateways are there, and all of them are ready."""
    running = release.pods("gateway")
    return len(running) == count and all(map(pods.is_ready, running))


def kill_the_operator(release: Release) -> str:
    """SIGKILL for every operator. Gives what was done, in words."""
    return ", ".join(pods.kill(release.kubectl, pod) for pod in release.pods("operator"))


def operator_is_ready(release: Release) -> bool:
    """Whether one is there, and it is ready."""
    running = release.pods("operator")
    return bool(running) and all(map(pods.is_ready, running))
