"""Which gateway is the home of a function: rendezvous hashing over those that live."""

import hashlib
from collections.abc import Callable, Iterable, Mapping

#: seconds for which a gateway that could not be dialled counts as dead: first, and when that was so again and again
UNDIALLABLE = 5.0
_LONGEST = 60.0


def home_among(gateways: Iterable[str], namespace: str, function: str) -> str:
    """Choose the home of a function; a gateway that comes or goes moves only the functions that are its own.

    Raises ValueError where there is no gateway.
    """
    return max(gateways, key=lambda gateway: (_weight(gateway, namespace, function), gateway))


def _weight(gateway: str, namespace: str, function: str) -> bytes:
    return hashlib.sha256(f"{gateway}\n{namespace}/{function}".encode()).digest()


class Homes:
    """The homes as one gateway, `own`, sees them; `on_change` is told when they may have moved."""

    def __init__(self, own: str, *, clock: Callable[[], float]) -> None:
        self.own = own
        self.on_change: Callable[[], None] = lambda: None
        self._clock = clock
        self._peers: dict[str, str] = {}
        self._undiallable: dict[str, float] = {}
        #: how often in a row each could not be dialled
        self._failures: dict[str, int] = {}
        #: those that others could not dial
        self._heard: dict[str, float] = {}
        #: those that said that they leave
        self._left: set[str] = set()
        self._known: dict[tuple[str, str], str] = {}
        self._leaving = False

    def update(self, peers: Mapping[str, str]) -> None:
        """Take the live gateways, by id their internal address; this one is always among them."""
        others = {gateway: address for gateway, address in peers.items() if gateway != self.own}
        if others != self._peers:
            self._peers = others
            self._left &= others.keys()
            self._failures = {each: count for each, count in self._failures.items() if each in others}
            self._moved()

    def home(self, namespace: str, function: str) -> str:
        """Name the home of a function, by its Lambda name."""
        self.forgive()
        where = (namespace, function)
        home = self._known.get(where)
        if home is None:
            over = self._undiallable.keys() | self._heard.keys() | self._left
            others = [each for each in self._peers if each not in over]
            live = others if self._leaving and others else [self.own, *others]
            home = self._known[where] = home_among(live, namespace, function)
        return home

    def is_own(self, namespace: str, function: str) -> bool:
        """Whether this gateway is the home."""
        return self.home(namespace, function) == self.own

    def address(self, gateway: str) -> str | None:
        """Give the internal address of a peer, as HOST:PORT."""
        return self._peers.get(gateway)

    @property
    def is_leaving(self) -> bool:
        """Whether this gateway is on its way out."""
        return self._leaving

    @property
    def passed_over(self) -> list[str]:
        """Live peers that this gateway knows, at first hand, not to be home of anything."""
        return sorted(self._undiallable.keys() | self._left)

    def undiallable(self, gateway: str) -> None:
        """Take a peer for dead for a while, since it could not be dialled."""
        if self._undiallable.get(gateway, 0.0) > self._clock():
            # Of the calls that dialled it together, this one took longer to fail: they are one failure.
            return
        failures = self._failures.get(gateway, 0)
        self._failures[gateway] = failures + 1
        self._undiallable[gateway] = self._clock() + min(_LONGEST, UNDIALLABLE * 2 ** min(failures, 10))
        self._moved()

    def reached(self, gateway: str) -> None:
        """Take note that a peer answers."""
        self._failures.pop(gateway, None)

    def left(self, gateway: str) -> None:
        """Take a peer for gone, since it said that it leaves."""
        if gateway in self._peers and gateway not in self._left:
            self._left.add(gateway)
            self._moved()

    def heed(self, passed_over: Iterable[str]) -> None:
        """Pass over for a while what another gateway passes over, so that both mean the same home."""
        known = self._undiallable.keys() | self._heard.keys() | self._left
        news = [each for each in passed_over if each in self._peers and each not in known]
        for gateway in news:
            self._heard[gateway] = self._clock() + UNDIALLABLE
        if news:
            self._moved()

    def leave(self) -> None:
        """Be the home of nothing any more, as long as there is another gateway."""
        self._leaving = True
        self._moved()

    def forgive(self) -> None:
        """Count those as alive again whose time is over; to be called now and then, for what nobody calls."""
        if not self._undiallable and not self._heard:
            return
        now, moved = self._clock(), False
        for among in (self._undiallable, self._heard):
            for gateway in [each for each, until in among.items() if now >= until]:
                del among[gateway]
                moved = True
        if moved:
            self._moved()

    def _moved(self) -> None:
        self._known.clear()
        self.on_change()
