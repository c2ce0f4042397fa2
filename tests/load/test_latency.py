import math

from ledger.records import Call, Event
from load.latency import latency, quantile


def test_quantiles_are_values_that_were_measured() -> None:
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 1.0) == 4.0
    assert math.isnan(quantile([], 0.5))


def test_latency_counts_from_when_a_call_was_due_and_can_leave_out_the_work() -> None:
    calls = [Call(Event(number, 2.0), scheduled=10.0, sent=10.5, answered=13.0) for number in range(4)]
    assert latency(calls).p50 == 3.0
    assert str(latency(calls, work=False)) == "p50 1000 ms, p95 1000 ms, p99 1000 ms, worst 1000 ms (n=4)"
