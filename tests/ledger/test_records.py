import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import probe
from ledger.records import Event, events, read
from support.ledger import History


@given(st.text(max_size=50))
def test_the_function_finds_the_digest_that_the_sender_knows(padding: str) -> None:
    event = Event(7, 1.25, padding)
    assert probe.digest(json.loads(event.body())) == event.digest


@pytest.mark.parametrize("other", [Event(8, 1.25, "x"), Event(7, 1.5, "x"), Event(7, 1.25, "y")])
def test_another_event_has_another_digest(other: Event) -> None:
    assert other.digest != Event(7, 1.25, "x").digest


def test_a_seed_gives_the_same_events_again() -> None:
    first, again, other = (list(itertools.islice(events(seed), 20)) for seed in (1, 1, 2))
    assert first == again != other


def test_events_are_numbered_from_the_first_and_work_as_long_as_asked() -> None:
    found = list(itertools.islice(events(1, seconds=(1.0, 5.0), first=100), 50))
    assert [event.number for event in found] == list(range(100, 150))
    assert all(1.0 <= event.seconds <= 5.0 for event in found)


def test_records_are_read_as_they_were_written() -> None:
    history = History()
    lines = [json.dumps(vars(record)) for record in history.records]
    assert read(lines) == history.records
