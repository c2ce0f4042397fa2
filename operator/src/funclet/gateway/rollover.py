"""How a changed $LATEST takes over: the old revision serves until an instance of the new one is ready."""

from dataclasses import dataclass
from enum import Enum

from funclet.plan.revision import Revision
from funclet.plan.routes import Unavailable

Latest = Revision | Unavailable | None


class Step(Enum):
    """What to do about the difference between what serves and what is wanted."""

    #: nothing differs
    STAY = "stay"
    #: the old one serves; see that the new one has an instance
    PREPARE = "prepare"
    #: the old one serves; the new one cannot run
    HOLD = "hold"
    #: the new one serves from now on
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the two are."""

    #: the one that serves has, or soon will have, an instance, here or as the status says
    serving_lives: bool = False
    #: and here
    serving_runs: bool = False
    #: the other one has an instance that came through init
    wanted_is_ready: bool = False
    #: its last start failed
    wanted_failed: bool = False


def next_step(serving: Latest, wanted: Latest, progress: Progress) -> Step:
    """Return the step from `serving` to `wanted`; None stands for no $LATEST at all."""
    if serving == wanted:
        return Step.STAY
    if not isinstance(serving, Revision) or wanted is None:
        return Step.SWITCH
    if not isinstance(wanted, Revision):
        return Step.HOLD if progress.serving_lives else Step.SWITCH
    if wanted.key == serving.key or progress.wanted_is_ready:
        return Step.SWITCH
    if progress.wanted_failed:
        # Once there are calls again it may be tried again; until then nothing is started for nobody.
        return Step.PREPARE if progress.serving_runs else Step.HOLD
    return Step.PREPARE if progress.serving_lives else Step.SWITCH
