"""How a changed $LATEST takes over: the old revision serves until an instance of the new one is ready."""

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


def next_step(serving: Latest, wanted: Latest, *, serving_live: bool, wanted_ready: bool) -> Step:
    """Return the step from `serving` to `wanted`; None stands for no $LATEST at all."""
    if serving == wanted:
        return Step.STAY
    if not isinstance(serving, Revision) or wanted is None:
        return Step.SWITCH
    if isinstance(wanted, Revision) and wanted.key == serving.key:
        return Step.SWITCH
    if not serving_live or (isinstance(wanted, Revision) and wanted_ready):
        return Step.SWITCH
    return Step.PREPARE if isinstance(wanted, Revision) else Step.HOLD
