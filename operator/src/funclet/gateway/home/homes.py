"""Which gateway is the home of a function: rendezvous hashing over those that live."""

import hashlib
from collections.abc import Callable, Iterable, Mapping

#: seconds for which a gateway that could not be dialled counts as dead
UNDIALLABLE = 5.0


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
        self._known: dict[tuple[str, str], str] = {}
        self._leaving = False

    def update(self, peers: Mapping[str, str]) -> None:
        """Take the live gateways, by id their internal address; this one is always among them."""
        others = {gateway: address for gateway, address in peers.items() if gateway != self.own}
        if others != self._peers:
            self._peers = others
            self._moved()

    def home(self, namespace: str, function: str) -> str:
        """Name the home of a function, by its Lambda name."""
        self.forgive()
        where = (namespace, function)
        home = self._known.get(where)
        if home is None:
            others = [each for each in self._peers if each not in self._undiallable]
            live = others if self._leaving and others else [self.own, *others]
            home = self._known[where] = home_among(live, namespace, function)
        return home

    def is_own(self, namespace: str, function: str) -> bool:
        """Whether this gateway is the home."""
        return self.home(namespace, function) == self.own

    def address(self, gateway: str) -> str | None:
        """Give the internal address of a peer, as HOST:PORT."""
        return self._peers.get(gateway)

    def undiallable(self, gateway: str) -> None:
        """Take a peer for dead for a while, since it could not be dialled."""
        self._undiallable[gateway] = self._clock() + UNDIALLABLE
        self._moved()

    def leave(self) -> None:
        """Be the home of nothing any more, as long as there is another gateway."""
        self._leaving = True
        self._moved()

    def forgive(self) -> None:
        """Count those as alive again whose time is over; to be called now and then, for what nobody calls."""
        if not self._undiallable:
            return
        now = self._clock()
        over = [gateway for gateway, until in self._undiallable.items() if now >= until]
        for gateway in over:
            del self._undiallable[gateway]
        if over:
            self._moved()

    def _moved(self) -> None:
        self._known.clear()
        self.on_change()
