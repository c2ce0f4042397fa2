import asyncio
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import probe
from ledger.collector import Collector, collecting
from ledger.records import Event

pytestmark = pytest.mark.processes


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    with collecting(tmp_path, "127.0.0.1") as running:
        yield running


class Context:
    function_version = "3"
    log_stream_name = "2026/01/02/[3]0"


def test_the_function_tells_its_start_and_its_end(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_COLLECTOR", collector.address)
    event = Event(7, 0.01, "x")
    answer = probe.handler(json.loads(event.body()), Context())
    start, end = collector.records()
    assert (start.kind, end.kind) == ("start", "end")
    assert (start.sequence, end.sequence) == (1, 2)
    assert end.at - start.at >= 0.01
    assert {start.execution, end.execution} == {answer["execution"]}
    assert (end.number, end.digest, end.version) == (7, event.digest, "3")


async def test_records_of_many_at_once_are_numbered_without_a_gap(collector: Collector) -> None:
    await asyncio.gather(*(asyncio.to_thread(posted, collector, record(number)) for number in range(100)))
    records = collector.records()
    assert [each.sequence for each in records] == list(range(1, 101))
    assert {each.number for each in records} == set(range(100))


def test_a_record_is_on_disk_when_it_is_answered(collector: Collector) -> None:
    for number in range(5):
        assert posted(collector, record(number)) == 204
        assert len(collector.file.read_text().splitlines()) == number + 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7"])
def test_what_is_no_record_is_refused_and_takes_no_number(collector: Collector, body: bytes) -> None:
    assert posted(collector, body) == 400
    assert posted(collector, record(1)) == 204
    assert [each.sequence for each in collector.records()] == [1]


def test_a_line_that_is_just_being_written_is_left_out(collector: Collector) -> None:
    posted(collector, record(1))
    with collector.file.open("a") as file:
        file.write('{"number": 2, ')
    assert [each.number for each in collector.records()] == [1]


def test_the_function_fails_when_nobody_takes_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collecting(tmp_path, "127.0.0.1") as gone:
        monkeypatch.setenv("LEDGER_COLLECTOR", gone.address)
    monkeypatch.setattr(probe, "_COLLECTOR", probe._Collector())
    monkeypatch.setattr(probe, "SECONDS_TO_TELL", 0.0)
    with pytest.raises(OSError, match="did not take a record"):
        probe.handler(json.loads(Event(1, 0.0).body()), Context())


def record(number: int) -> bytes:
    told: dict[str, Any] = dict.fromkeys(("kind", "digest", "execution", "instance", "process"), "x")
    return json.dumps({**told, "number": number}).encode()


def posted(collector: Collector, body: bytes) -> int:
    connection = http.client.HTTPConnection(collector.address, timeout=10)
    try:
        connection.request("POST", "/records", body)
        return connection.getresponse().status
    finally:
        connection.close()
