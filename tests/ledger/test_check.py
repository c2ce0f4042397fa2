from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ledger.check import check
from ledger.records import Event
from support.ledger import History


def test_what_was_executed_once_as_it_was_sent_holds() -> None:
    history = History()
    verdict = check(history.calls, history.records)
    assert verdict.holds
    assert (verdict.n, verdict.acked, verdict.instances, verdict.problems) == (4, 4, 2, ())


def test_a_call_that_was_acked_and_never_executed_is_lost() -> None:
    history = History()
    del history.records[2:4]
    verdict = check(history.calls, history.records)
    assert (verdict.lost, verdict.failed, verdict.holds) == (1, 0, False)
    assert verdict.problems[0].startswith("lost: event 1,")


def test_a_call_that_was_acked_before_its_event_ended_is_lost() -> None:
    history = History()
    del history.records[-1]
    assert check(history.calls, history.records).lost == 1


def test_a_call_that_was_acked_for_an_execution_that_nobody_saw_is_lost() -> None:
    history = History()
    spoiled = history.calls[1].answer.replace(b"execution-2", b"execution-x")
    history.calls[1] = replace(history.calls[1], answer=spoiled)
    assert check(history.calls, history.records).lost == 1


def test_an_event_that_ran_twice_is_a_duplicate_whichever_instance_it_was_in() -> None:
    history = History()
    history.execute(history.calls[0].event, "pod-a")
    history.execute(history.calls[1].event, "pod-c")
    verdict = check(history.calls, history.records)
    assert (verdict.duplicates, verdict.lost, verdict.holds) == (2, 0, False)


def test_a_second_execution_that_only_began_is_a_duplicate_too() -> None:
    history = History()
    history.tell("start", history.calls[0].event, "pod-b", "again")
    assert check(history.calls, history.records).duplicates == 1


def test_a_record_that_was_told_twice_is_no_duplicate() -> None:
    history = History()
    history.records += [replace(record, sequence=record.sequence + 100) for record in history.records]
    assert check(history.calls, history.records).holds


def test_two_events_at_once_in_one_instance_overlap() -> None:
    history = History(0)
    first, second = Event(0, 0.0), Event(1, 0.0)
    history.tell("start", first, "pod-a", "one")
    history.tell("start", second, "pod-a", "two")
    history.tell("end", first, "pod-a", "one")
    history.tell("end", second, "pod-a", "two")
    assert check((), history.records).overlaps == 1


def test_an_event_within_a_longer_one_overlaps_with_it_as_do_those_after_it() -> None:
    history = History(0)
    history.tell("start", Event(0, 1.0), "pod-a", "long")
    history.execute(Event(1, 0.0), "pod-a")
    history.execute(Event(2, 0.0), "pod-a")
    history.tell("end", Event(0, 1.0), "pod-a", "long")
    assert check((), history.records).overlaps == 2


def test_two_events_at_once_in_two_instances_do_not_overlap() -> None:
    history = History(0)
    first, second = Event(0, 0.0), Event(1, 0.0)
    history.tell("start", first, "pod-a", "one")
    history.tell("start", second, "pod-b", "two")
    history.tell("end", first, "pod-a", "one")
    history.tell("end", second, "pod-b", "two")
    assert check((), history.records).overlaps == 0


def test_an_event_after_one_whose_process_was_killed_does_not_overlap() -> None:
    history = History(0)
    history.tell("start", Event(0, 1.0), "pod-a", "killed")
    history.add(Event(1, 0.0), "pod-a")
    assert check(history.calls, history.records).overlaps == 0


def test_an_event_that_was_changed_on_its_way_is_altered() -> None:
    history = History()
    history.records[2:4] = [replace(record, digest="0" * 64) for record in history.records[2:4]]
    verdict = check(history.calls, history.records)
    assert (verdict.altered, verdict.holds) == (1, False)
    assert verdict.problems == ("altered: event 1 reached pod-b as another",)


def test_answers_that_were_exchanged_are_altered() -> None:
    history = History()
    one, two = history.calls[0], history.calls[1]
    history.calls[:2] = [replace(one, answer=two.answer), replace(two, answer=one.answer)]
    assert check(history.calls, history.records).altered == 2


def test_an_answer_that_is_not_the_functions_own_is_altered_and_lost() -> None:
    history = History()
    history.calls[0] = replace(history.calls[0], answer=b"<html>")
    verdict = check(history.calls, history.records)
    assert (verdict.altered, verdict.lost) == (1, 1)


def test_an_execution_of_what_nobody_sent_is_a_stranger() -> None:
    history = History()
    history.execute(Event(99, 0.0), "pod-a")
    verdict = check(history.calls, history.records)
    assert (verdict.strangers, verdict.holds) == (1, False)


def test_an_end_without_a_start_is_a_stranger() -> None:
    history = History()
    del history.records[0]
    assert check(history.calls, history.records).strangers == 1


def test_a_failed_call_is_told_with_its_answer_and_whether_it_ran_all_the_same() -> None:
    history = History()
    history.fail(1)
    del history.records[2:4]
    history.fail(2)
    verdict = check(history.calls, history.records)
    assert (verdict.failed, verdict.executed_though_failed, verdict.lost, verdict.broken) == (2, 1, 0, 0)
    assert verdict.problems[0] == 'failed: event 1, 0.100 s after it was due: 502  {"message": "gone"}'


def test_a_function_error_is_a_failure_although_the_status_is_200() -> None:
    history = History()
    history.calls[0] = replace(history.calls[0], function_error="Unhandled")
    assert check(history.calls, history.records).failed == 1


@given(st.permutations(range(8)))
def test_the_order_in_which_records_are_read_changes_nothing(order: list[int]) -> None:
    history = History()
    shuffled = [history.records[index] for index in order]
    assert check(history.calls, shuffled) == check(history.calls, history.records)


@given(st.lists(st.integers(0, 7), unique=True, min_size=1))
def test_no_record_that_is_missing_goes_unnoticed(missing: list[int]) -> None:
    history = History()
    left = [record for index, record in enumerate(history.records) if index not in missing]
    assert not check(history.calls, left).holds
