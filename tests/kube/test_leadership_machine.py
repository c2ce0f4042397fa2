"""Whatever order contenders, clocks and failures come in, no two hold a Lease at once."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funclet.kube.cluster_port import ClusterPort, UnreachableError
from funclet.kube.leadership import DURATION, Leadership
from funclet.kube.lease import Sighting
from funclet.kube.port import ConflictError, NotFoundError, Object
from funclet.plan.plan import Key
from support.clock import Clock

KEY = Key("Lease", "default", "l")
CONTENDERS = 3
#: let a contender try from begin to end, or begin; let its request through, refuse it, or lose the answer; or wait
Move = tuple[Literal["try", "go", "refuse", "lose"], int] | tuple[Literal["wait"], float]


class Store:
    """One Lease, with the API server's rules."""

    def __init__(self) -> None:
        self.lease: Object | None = None
        self.version = 0

    def get(self) -> Object:
        if self.lease is None:
            raise NotFoundError("there is none")
        return self.lease

    def create(self, manifest: Mapping[str, Any]) -> Object:
        if self.lease is not None:
            raise ConflictError("there is one")
        return self.put(manifest)

    def apply(self, manifest: Mapping[str, Any]) -> Object:
        if manifest["metadata"]["resourceVersion"] != str(self.version):
            raise ConflictError("it changed")
        return self.put(manifest)

    def put(self, manifest: Mapping[str, Any]) -> Object:
        self.version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**manifest, "metadata": metadata}
        return self.lease


class Gate:
    """A contender's way to the store: each request waits until the test says what becomes of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.waiting: asyncio.Future[str] | None = None

    async def get(self, _: Key) -> Object:
        return await self._pass(self._store.get)

    async def create(self, manifest: Object, **_: str) -> Object:
        return await self._pass(lambda: self._store.create(manifest))

    async def apply(self, manifest: Object, **_: str) -> Object:
        return await self._pass(lambda: self._store.apply(manifest))

    async def _pass(self, request: Callable[[], Object]) -> Object:
        self.waiting = asyncio.get_running_loop().create_future()
        fate = await self.waiting
        if fate == "refuse":
            raise UnreachableError("refused")
        answer = request()
        if fate == "lose":
            raise UnreachableError("the answer was lost")
        return answer


class Contender:
    """A contender that takes one step at a time."""

    def __init__(self, store: Store, number: int, clock: Clock) -> None:
        self.gate = Gate(store)
        self.leadership = Leadership(cast("ClusterPort", self.gate), KEY, f"c{number}", clock=clock)
        self.attempt: asyncio.Task[None] | None = None

    async def step(self, fate: str) -> None:
        if self.attempt is None:
            self.attempt = asyncio.create_task(self.leadership.attempt())
        elif self.gate.waiting is not None:
            self.gate.waiting.set_result(fate)
            self.gate.waiting = None
        # One of two things happens at once, and no event tells which.
        while self.gate.waiting is None and not self.attempt.done():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0)
        if self.attempt.done():
            await self.attempt
            self.attempt = None

    async def run(self) -> None:
        await self.step("go")
        while self.attempt is not None:
            await self.step("go")

    async def end(self) -> None:
        if self.attempt is not None:
            self.attempt.cancel()
            await asyncio.gather(self.attempt, return_exceptions=True)


async def play(moves: list[Move]) -> None:
    clock, store = Clock(), Store()
    contenders = [Contender(store, number, clock) for number in range(CONTENDERS)]
    for move in moves:
        if move[0] == "wait":
            clock.time += move[1]
        elif move[0] == "try":
            await contenders[move[1]].run()
        else:
            await contenders[move[1]].step(move[0])
        holding = [each.leadership.holds(DURATION) for each in contenders]
        assert holding.count(True) <= 1
    for each in contenders:
        await each.end()


fates = st.sampled_from(["try", "try", "go", "refuse", "lose"])
turns = st.tuples(fates, st.integers(0, CONTENDERS - 1))
waits = st.tuples(st.just("wait"), st.sampled_from([0.1, 2.0, 5.0, 14.9, 15.0, 20.0]))
games = st.lists(turns | turns | waits, max_size=60)


@settings(max_examples=300, deadline=None)
@given(games)
def test_no_two_hold_it(moves: list[Move]) -> None:
    asyncio.run(play(moves))


def test_contenders_that_waited_less_would_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(self: Sighting, now: float) -> bool:
        return bool(self.holder) and now - self.at < self.seconds / 3

    monkeypatch.setattr(Sighting, "runs", hasty)

    @settings(max_examples=500, deadline=None, database=None, derandomize=True)
    @given(games)
    def found_out(moves: list[Move]) -> None:
        asyncio.run(play(moves))

    with pytest.raises(AssertionError):
        found_out()
