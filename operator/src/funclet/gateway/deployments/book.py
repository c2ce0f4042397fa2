"""The pods and starts of one revision, as values: what is held, what is asked for, what the scale should be."""

from collections import OrderedDict
from dataclasses import dataclass, field

#: seconds that a scale above what is needed stands before it is lowered
SETTLE = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the store shows of one revision; pods that are being deleted are left out."""

    #: what the Deployment asks for
    replicas: int
    #: pods that are not held, and may still come up
    coming: int = 0
    #: pods that are held, are to stay, and are not Ready for the kubelet yet: a ReplicaSet would delete them first
    settling: int = 0


@dataclass(slots=True)
class Book:
    """One revision: pods by uid, starts by number, first come first."""

    #: pods that the slots have, ready or busy
    held: set[str] = field(default_factory=set)
    #: held pods that refuse new calls and are to go
    retiring: set[str] = field(default_factory=set)
    #: of these, those seen unready: a ReplicaSet deletes them first
    unready: set[str] = field(default_factory=set)
    #: starts that wait for a pod
    waiting: OrderedDict[int, None] = field(default_factory=OrderedDict)
    _surplus_since: float | None = None

    def begin(self, number: int) -> None:
        """Ask for one more pod."""
        self.waiting[number] = None

    def give_up(self, number: int) -> None:
        """Wait no longer."""
        self.waiting.pop(number, None)

    def arrive(self, uid: str) -> int | None:
        """Take a pod that can be dialled; gives the start that it ends, None for one that nobody asked for."""
        self.held.add(uid)
        return self.waiting.popitem(last=False)[0] if self.waiting else None

    def retire(self, uid: str) -> None:
        """Let a pod go once it is seen unready."""
        if uid in self.held:
            self.retiring.add(uid)

    def see_unready(self, uid: str) -> None:
        """Take note that a retiring pod takes no more calls."""
        if uid in self.retiring:
            self.unready.add(uid)

    def lose(self, uid: str) -> None:
        """Take a pod out that is gone."""
        for among in (self.held, self.retiring, self.unready):
            among.discard(uid)

    def scale(self, seen: Seen, now: float) -> int | None:
        """Give the scale to write, None while the present one may stay.

        It is raised at once, and lowered when it has been too much for a moment. Pods that nobody asked for
        are left to come up: they are another gateway's starts, or stand in for one that was lost.
        """
        coming = max(len(self.waiting), seen.coming)
        # While a pod comes up, lowering would take it and not the one that retires.
        target = len(self.held) + coming - (0 if coming or seen.settling else len(self.unready))
        if seen.replicas <= target:
            self._surplus_since = None
            return None if seen.replicas == target else target
        if self._surplus_since is None:
            self._surplus_since = now
        return target if now - self._surplus_since >= SETTLE else None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of it."""
        return not self.held and not self.waiting
