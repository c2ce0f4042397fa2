import asyncio
from dataclasses import dataclass, field

from ledger.records import Call, Event, events
from load.arrivals import constant, lasting
from load.open_loop import load


@dataclass
class Patient:
    """Answers when it is allowed to."""

    allowed: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    asked: list[tuple[Event, float]] = field(default_factory=list)

    async def until(self, count: int) -> None:
        async with self.news:
            await self.news.wait_for(lambda: len(self.asked) >= count)

    async def call(self, event: Event, scheduled: float) -> Call:
        async with self.news:
            self.asked.append((event, scheduled))
            self.news.notify_all()
        await self.allowed.wait()
        now = asyncio.get_running_loop().time()
        return Call(event, scheduled, scheduled, now, status=200)


async def test_calls_go_out_by_the_schedule_although_none_is_answered() -> None:
    patient = Patient()
    async with load(patient, events(1), lasting(0.05, constant(200))) as offered:
        await patient.until(10)
        assert (offered.in_flight, offered.calls) == (10, [])
        patient.allowed.set()
    assert [event.number for event, _ in patient.asked] == list(range(10))
    assert len(offered.calls) == 10


async def test_a_call_counts_from_the_moment_when_it_was_due() -> None:
    patient = Patient()
    patient.allowed.set()
    async with load(patient, events(1)) as offered:
        sending = asyncio.create_task(offered.follow([0.0, 0.01]))
        await sending
        await offered.answered()
    (_, first), (_, second) = patient.asked
    assert round(second - first, 6) == 0.01


async def test_the_end_of_the_block_ends_the_schedule_and_waits_for_what_is_under_way() -> None:
    patient = Patient()
    async with load(patient, events(1), constant(1000)) as offered:
        await patient.until(5)
        patient.allowed.set()
    assert offered.in_flight == 0
    assert len(offered.calls) == len(patient.asked)


async def test_calls_can_be_sent_by_hand_beside_the_schedule() -> None:
    patient = Patient()
    patient.allowed.set()
    async with load(patient, events(1)) as offered:
        offered.send()
        assert [call.event.number for call in await offered.answered()] == [0]
