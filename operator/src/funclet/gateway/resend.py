"""When a call may be sent again: only where it is certain that it never ran."""

from enum import Enum


class BreakPoint(Enum):
    """How far a call had come when its attempt ended without an answer."""

    #: the dial failed, or the connection ended before or during the greeting
    BEFORE_GREETING = "before-greeting"
    #: the supervisor said not-started
    NOT_STARTED = "not-started"
    #: the connection broke after sending began and before any byte of an answer
    NO_ANSWER = "no-answer"
    #: some bytes of an answer had come
    IN_ANSWER = "in-answer"


class Fence(Enum):
    """What asking about the call's token gave."""

    REFUSED = "refused"
    STARTED = "started"
    #: nobody answered, or in no known words
    UNREACHABLE = "unreachable"


def may_resend(point: BreakPoint, *, same_boot: bool, fence: Fence) -> bool:
    """Whether to send the call again; `same_boot` and `fence` matter only where no answer came.

    A fence holds within one life of a supervisor: another boot id knows nothing of the call.
    """
    if point in {BreakPoint.BEFORE_GREETING, BreakPoint.NOT_STARTED}:
        return True
    return point is BreakPoint.NO_ANSWER and same_boot and fence is Fence.REFUSED
