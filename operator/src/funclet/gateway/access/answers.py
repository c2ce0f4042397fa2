"""What the API server answered about callers, each answer for its time."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from funclet.kube.cluster_port import Caller

#: seconds for which an answer of the API server is believed
YES, NO = 10.0, 5.0
#: seconds for which a token's bearer is believed to be who it was
WHO = 60.0
#: seconds for which a yes counts while the API server cannot be asked again
LONGEST = 600.0
#: seconds after a question that was not answered until it is asked again, where its last yes counts
AGAIN = 1.0
#: answers of each sort
_REMEMBERED = 10_000

#: the digest of a token, a namespace and a function in it
Where = tuple[str, str, str]


class Answers:
    """Answers by the digest of a token. Those of no have rooms of their own: no flood of them drives out a yes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._callers: _Remembered[str, Caller] = _Remembered(clock)
        self._strangers: _Remembered[str, None] = _Remembered(clock)
        self._allowed: _Remembered[Where, None] = _Remembered(clock)
        self._denied: _Remembered[Where, None] = _Remembered(clock)
        self._missed: _Remembered[Where, None] = _Remembered(clock)

    def caller(self, digest: str) -> Caller | None:
        """Whom a token is believed to stand for."""
        known = self._callers.within(WHO, digest)
        return known.value if known is not None else None

    def last_caller(self, digest: str) -> Caller | None:
        """Whom a token stood for when it was asked about last, not too long ago."""
        known = self._callers.within(LONGEST, digest)
        return known.value if known is not None else None

    def is_stranger(self, digest: str) -> bool:
        """Whether a token is believed to stand for nobody."""
        return self._strangers.within(NO, digest) is not None

    def allowed(self, where: Where) -> bool | None:
        """Whether the token's bearer is believed to have the right; None: that is to be asked."""
        if self._allowed.within(YES, where) is not None:
            return True
        return False if self._denied.within(NO, where) is not None else None

    def was_allowed(self, where: Where) -> bool:
        """Whether the token's bearer had the right when it was asked about last, not too long ago."""
        return self._allowed.within(LONGEST, where) is not None

    def missed(self, where: Where) -> bool:
        """Whether a question was not answered a moment ago."""
        return self._missed.within(AGAIN, where) is not None

    def miss(self, where: Where) -> None:
        """Take note that a question was not answered."""
        self._missed.put(where, None)

    def identify(self, digest: str, caller: Caller | None) -> None:
        """Take an answer; None ends all that the token's bearer was allowed."""
        if caller is not None:
            self._strangers.forget(digest)
            self._callers.put(digest, caller)
            return
        self._strangers.put(digest, None)
        if self._callers.forget(digest):
            self._allowed.forget_where(lambda where: where[0] == digest)

    def judge(self, where: Where, *, allowed: bool) -> None:
        """Take an answer."""
        now, before = (self._allowed, self._denied) if allowed else (self._denied, self._allowed)
        before.forget(where)
        now.put(where, None)


T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    value: T
    at: float


class _Remembered(Generic[K, T]):
    """Answers of one sort, the oldest forgotten when there are too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: OrderedDict[K, _Answer[T]] = OrderedDict()

    def within(self, seconds: float, key: K) -> _Answer[T] | None:
        """Give an answer that is younger."""
        answer = self._answers.get(key)
        return answer if answer is not None and self._clock() - answer.at < seconds else None

    def put(self, key: K, value: T) -> None:
        self._answers[key] = _Answer(value, self._clock())
        self._answers.move_to_end(key)
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)

    def forget(self, key: K) -> bool:
        """Whether there was one."""
        return self._answers.pop(key, None) is not None

    def forget_where(self, condition: Callable[[K], bool]) -> None:
        for key in list(filter(condition, self._answers)):
            del self._answers[key]
