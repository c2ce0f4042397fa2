"""What the API server did not take of what a plan wants written: told in the status, and tried again later."""

from collections.abc import Mapping
from dataclasses import dataclass

from funclet.plan.conditions import Verdict
from funclet.plan.plan import Key
from funclet.plan.routes import Unavailable


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an object was not written; `surely` where it cannot have been written all the same."""

    why: Unavailable
    surely: bool = True


Refusals = Mapping[Key, Refused]


def refused_verdict(refused: Refusals) -> Verdict | None:
    """Give what is to be said of an owner for whom something could not be written; None where all was."""
    if not refused:
        return None
    reasons = [each.why for _, each in sorted(refused.items())]
    return Verdict("Stalled", reasons[0].reason, "; ".join(why.message for why in reasons))
