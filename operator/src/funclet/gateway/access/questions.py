"""Questions to the API server: so many at once, the others in line, and nobody's questions take all the room."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog

from funclet.gateway.access.port import Decided
from funclet.lambda_api.errors import AwsError, service_error, throttled

_log = structlog.get_logger(__name__)

#: the namespace to look in, or the refusal
Verdict = str | AwsError
#: the digest of a token, the account, and the function's ARN with its qualifier
About = tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many there may be."""

    all: int
    #: of bearers who are known, or of those who are not: tokens that nobody knows leave room for the others
    sort: int
    #: with one token
    bearer: int


AT_ONCE = Bounds(all=64, sort=48, bearer=16)
IN_LINE = Bounds(all=1024, sort=768, bearer=256)
#: seconds for which a question stands in line
_PATIENCE = 2.0


class Waiting(Protocol):
    """Somebody who waits for the answer."""

    decided: Decided


class Question:
    """A question, and who waits for the answer."""

    __slots__ = ("about", "ask", "fallback", "known", "patience", "waiting")

    def __init__(
        self,
        about: About,
        *,
        known: bool,
        ask: Callable[[], Coroutine[Any, Any, Verdict]],
        fallback: Callable[[], str | None],
    ) -> None:
        """`known`: whether the API server knew the bearer when it was asked last.

        `fallback` gives what those who wait may be told while there is no answer, if anything.
        """
        self.about = about
        self.fallback = fallback
        self.known = known
        self.ask = ask
        self.waiting: dict[Waiting, None] = {}
        self.patience: asyncio.TimerHandle | None = None

    @property
    def bearer(self) -> str:
        """The digest of the token."""
        return self.about[0]

    def tell(self, verdict: Verdict) -> None:
        """Tell everybody who waits."""
        for waiting in list(self.waiting):
            # One that is told may have let another go.
            if waiting in self.waiting:
                del self.waiting[waiting]
                waiting.decided(verdict)


class Questions:
    """All open questions. Those in line take turns by their bearers, as soon as the bounds let them."""

    def __init__(self) -> None:
        self._open: dict[About, Question] = {}
        self._tasks: set[asyncio.Task[Verdict]] = set()
        self._asked = _Count(AT_ONCE)
        self._in_line = _Count(IN_LINE)
        #: by whether their bearers are known: each bearer's questions, whose turn it was last at the end
        self._lines: dict[bool, OrderedDict[str, deque[Question]]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }

    def get(self, about: About) -> Question | None:
        """Find a question that is open."""
        return self._open.get(about)

    def put(self, question: Question) -> bool:
        """Open a question; False where there is no room for it, and nobody will be told anything."""
        if self._asked.has_room(question):
            # Nobody in line could go first: whoever can is begun at once.
            self._begin(question)
        elif self._in_line.has_room(question):
            self._line_up(question)
        else:
            return False
        self._open[question.about] = question
        return True

    def fall_back(self) -> None:
        """Let nobody wait who need not; the questions stay open."""
        for question in list(self._open.values()):
            verdict = question.fallback() if question.waiting else None
            if verdict is not None:
                question.tell(verdict)

    def _begin(self, question: Question) -> None:
        self._asked.enter(question)
        self._tasks.add(task := asyncio.get_running_loop().create_task(question.ask()))
        task.add_done_callback(partial(self._answered, question))

    def _answered(self, question: Question, task: asyncio.Task[Verdict]) -> None:
        self._tasks.discard(task)
        self._asked.leave(question)
        del self._open[question.about]
        if task.cancelled():
            return
        self._go_on()
        error = task.exception()
        if error is not None:
            _log.error("a question about a caller failed", exc_info=error)
        question.tell(task.result() if error is None else service_error("The gateway failed; see its log."))

    def _line_up(self, question: Question) -> None:
        self._in_line.enter(question)
        self._lines[question.known].setdefault(question.bearer, deque()).append(question)
        loop = asyncio.get_running_loop()
        question.patience = loop.call_later(_PATIENCE, self._give_up, question)

    def _give_up(self, question: Question) -> None:
        self._leave_line(question)
        del self._open[question.about]
        question.tell(throttled("ConcurrentInvocationLimitExceeded"))

    def _leave_line(self, question: Question) -> None:
        self._in_line.leave(question)
        line = self._lines[question.known]
        line[question.bearer].remove(question)
        if line[question.bearer]:
            line.move_to_end(question.bearer)
        else:
            del line[question.bearer]

    def _go_on(self) -> None:
        while (question := self._next()) is not None:
            self._leave_line(question)
            if question.patience is not None:
                question.patience.cancel()
            self._begin(question)

    def _next(self) -> Question | None:
        for known, line in self._lines.items():
            if self._asked.has_room_for_sort(known=known):
                for questions in line.values():
                    if self._asked.has_room(questions[0]):
                        return questions[0]
        return None


class _Count:
    """How many questions there are, and of whom."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._all = 0
        self._sorts: Counter[bool] = Counter()
        self._bearers: Counter[str] = Counter()

    def has_room(self, question: Question) -> bool:
        few = self._bearers[question.bearer] < self._bounds.bearer
        return few and self.has_room_for_sort(known=question.known)

    def has_room_for_sort(self, *, known: bool) -> bool:
        return self._all < self._bounds.all and self._sorts[known] < self._bounds.sort

    def enter(self, question: Question) -> None:
        self._all += 1
        self._sorts[question.known] += 1
        self._bearers[question.bearer] += 1

    def leave(self, question: Question) -> None:
        self._all -= 1
        self._sorts[question.known] -= 1
        self._bearers[question.bearer] -= 1
        if not self._bearers[question.bearer]:
            del self._bearers[question.bearer]
