"""One invocation as a state machine. Pure: time comes in as seconds of a monotonic clock."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from funclet.supervisor.outcome import Outcome


class Phase:
    """Where an invocation stands."""

    WAITING = "waiting"
    """for a runtime process that asks for it"""
    RUNNING = "running"
    ANSWERING = "answering"
    """the head of the answer is here, its body on the way"""
    ENDING = "ending"
    """the outcome is known; the processes are being ended before it is told"""
    SETTLED = "settled"


class Call:
    """What a gateway asked for, as it came."""

    __slots__ = ("event", "headers", "refuse", "reply", "request_id", "tail", "token")

    def __init__(self, token: bytes, request_id: str, headers: dict[bytes, bytes], *, tail: bool) -> None:
        self.token = token
        self.request_id = request_id
        self.headers = headers
        self.tail = tail
        self.event = b""
        #: takes the answer; None once the caller has gone
        self.reply: Callable[[Result], None] | None = None
        #: tells instead that it never ran and never will; None as well
        self.refuse: Callable[[], None] | None = None


class Result:
    """An outcome with what is metered; times are microseconds."""

    __slots__ = ("billed_ms", "duration_us", "init_us", "log_tail", "memory_mb", "outcome")

    def __init__(self, outcome: Outcome, duration_us: int, init_us: int | None, memory_mb: int) -> None:
        self.outcome = outcome
        self.duration_us = duration_us
        self.billed_ms = max(1, -(-duration_us // 1000))
        self.init_us = init_us
        self.memory_mb = memory_mb
        self.log_tail: bytes | None = None


class Invocation:
    """One event on its way through the instance."""

    __slots__ = ("call", "deadline", "ended_at", "outcome", "phase", "started_at", "timeout")

    def __init__(self, call: Call, timeout: float) -> None:
        self.call = call
        self.timeout = timeout
        self.phase = Phase.WAITING
        self.started_at: float | None = None
        #: None while init's own limit holds
        self.deadline: float | None = None
        self.outcome: Outcome | None = None
        self.ended_at = 0.0

    def wait_for_init(self) -> None:
        """Begin the wait for a process that starts: init's limit holds."""
        self.deadline = None

    def wait_for_runtime(self, now: float) -> None:
        """Begin the wait for a process that is past its init: it has as long as the function."""
        self.deadline = now + self.timeout

    def hand_over(self, now: float) -> None:
        """The runtime has the event."""
        assert self.phase is Phase.WAITING  # noqa: S101 - a broken order must not pass
        self.phase = Phase.RUNNING
        self.started_at = now
        self.deadline = now + self.timeout

    def take_back(self) -> None:
        """The event did not reach the runtime after all: it waits again."""
        self.phase = Phase.WAITING
        self.started_at = self.deadline = None

    def begin_answer(self) -> bool:
        """Begin to take an answer. False if one has begun, or nothing runs."""
        if self.phase is not Phase.RUNNING:
            return False
        self.phase = Phase.ANSWERING
        return True

    def end(self, outcome: Outcome, now: float) -> bool:
        """Fix the outcome. False if it is fixed: the first one stands."""
        if self.outcome is not None:
            return False
        self.outcome = outcome
        self.ended_at = now
        self.phase = Phase.ENDING
        self.deadline = None
        return True

    def settle(self) -> bool:
        """Whether the caller is to be told, which is so once."""
        if self.phase is not Phase.ENDING:
            return False
        self.phase = Phase.SETTLED
        return True

    @property
    def started(self) -> bool:
        """Whether the runtime has seen the event."""
        return self.started_at is not None

    def duration_us(self) -> int:
        """From handing the event over until the outcome."""
        return 0 if self.started_at is None else max(0, round((self.ended_at - self.started_at) * 1_000_000))
