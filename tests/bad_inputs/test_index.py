"""Which tests show what becomes of each bad input, as far as Invoke reaches: API calls, HTTP and connections, handlers."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parents[1]


class Entry(NamedTuple):
    """A bad input by its number and in a few words, and the tests that feed it."""

    number: int
    label: str
    tests: tuple[str, ...]


INDEX = (
    # API calls
    Entry(
        24,
        "a function, version or alias that does not exist",
        (
            "gateway/test_gateway.py::test_what_does_not_exist_is_not_found",
            "gateway/test_error_catalogue.py::test_an_error_is_that_of_aws_to_the_letter",
        ),
    ),
    Entry(
        25,
        "a body that is not JSON, or JSON of an odd kind",
        (
            "lambda_api/test_invoke.py::test_what_lambda_passes_is_passed_byte_for_byte",
            "lambda_api/test_invoke.py::test_what_is_not_json_is_refused_in_the_words_of_aws",
            "lambda_api/test_invoke.py::test_any_bytes_are_passed_as_they_are_or_refused",
            "lambda_api/test_json_text.py::test_a_hundred_thousand_brackets_need_no_recursion",
            "gateway/test_checks.py::test_small_calls_are_answered_while_a_large_one_is_looked_at",
        ),
    ),
    Entry(
        26,
        "an event over 6 MiB, without a length, or shorter than its length",
        (
            "gateway/test_bad_http.py::test_the_limit_is_told_from_the_head",
            "gateway/test_bad_http.py::test_a_client_that_sends_all_of_too_much_sees_the_answer",
            "gateway/test_bad_http.py::test_without_a_length_the_limit_is_counted_as_it_comes",
            "gateway/test_half_close.py::test_a_body_that_is_cut_short_is_refused_and_not_run",
            "gateway/test_gateway.py::test_an_event_of_six_mebibytes_comes_through",
        ),
    ),
    Entry(
        27,
        "an answer over 6 MB, or that is no JSON",
        (
            "supervisor/test_failures.py::test_an_answer_over_the_limit_is_an_error_and_the_process_lives",
            "supervisor/test_failures.py::test_what_cannot_be_json_is_a_marshal_error",
            "gateway/test_gateway.py::test_an_answer_of_six_megabytes_comes_through",
        ),
    ),
    Entry(
        28,
        "unknown words in the headers of Invoke",
        (
            "lambda_api/test_invoke.py::test_unknown_words_in_headers_are_refused",
            "lambda_api/test_invoke.py::test_a_bad_client_context_is_refused",
        ),
    ),
    Entry(
        29,
        "qualifiers that differ, an ARN of elsewhere",
        (
            "lambda_api/test_arn.py::test_two_different_qualifiers_are_refused",
            "lambda_api/test_invoke.py::test_another_region_is_not_reachable",
            "gateway/test_gateway.py::test_another_account_is_denied",
        ),
    ),
    Entry(
        36,
        "10,000 calls at once of a function capped at one; a crowd that vanishes",
        (
            "gateway/test_concurrency.py::test_ten_thousand_parallel_calls_of_a_function_capped_at_one_run_exactly_one",
            "gateway/test_half_close.py::test_of_a_crowd_under_the_cap_those_who_leave_make_room_for_others",
        ),
    ),
    Entry(
        37,
        "a client that leaves: in the queue, in a cold start, in its body, while its function runs, in its answer",
        (
            "gateway/test_half_close.py::test_who_leaves_while_its_call_waits_gives_its_place_back",
            "gateway/test_init_processes.py::test_a_caller_that_leaves_in_init_makes_room_for_the_next_one_and_its_event_never_runs",
            "gateway/test_slow_clients.py::test_a_client_that_vanishes_mid_request_leaves_nothing_behind",
            "gateway/test_half_close.py::test_who_leaves_while_its_call_runs_is_let_go_and_the_function_runs_on",
            "gateway/test_half_close.py::test_who_has_sent_far_ahead_and_leaves_is_noticed",
            "gateway/test_slow_readers.py::test_who_leaves_in_the_middle_of_its_answer_leaves_nothing_behind",
        ),
    ),
    Entry(
        40,
        "administration's paths by the public listener",
        ("gateway/test_bad_http.py::test_what_is_not_served_gets_an_answer_like_that_of_aws",),
    ),
    # HTTP and connections
    Entry(
        51,
        "HTTP that breaks its own rules",
        (
            "gateway/test_bad_http.py::test_http_that_breaks_the_rules_is_refused_and_closed",
            "gateway/test_bad_http.py::test_a_chunk_that_breaks_the_rules_is_refused_when_it_comes",
        ),
    ),
    Entry(
        52,
        "a target in absolute form, or that climbs",
        (
            "gateway/test_bad_http.py::test_http_that_breaks_the_rules_is_refused_and_closed",
            "gateway/test_bad_http.py::test_what_is_not_served_gets_an_answer_like_that_of_aws",
        ),
    ),
    Entry(
        53,
        "heads beyond measure",
        ("gateway/test_bad_http.py::test_a_head_over_its_cap_is_refused",),
    ),
    Entry(
        54,
        "thousands that send slowly, half, or nothing",
        (
            "gateway/test_slow_clients.py::test_who_does_not_go_on_sending_is_closed_in_time",
            "gateway/test_slow_clients.py::test_a_head_that_drips_is_closed_at_its_deadline",
            "gateway/test_slow_clients.py::test_a_body_that_drips_is_closed_at_the_deadline_of_the_whole_request",
            "gateway/test_crowds.py::test_five_thousand_slow_clients_are_cut_off_and_hold_nobody_up",
        ),
    ),
    Entry(
        55,
        "clients that do not take their answers",
        (
            "gateway/test_slow_readers.py::test_many_clients_that_take_no_answers_hold_no_more_than_may_be_held",
            "gateway/test_slow_readers.py::test_who_takes_an_answer_slowly_keeps_its_connection_for_as_long_as_a_request_may_take",
            "gateway/test_slow_clients.py::test_a_client_that_does_not_read_its_answer_is_cut_off",
        ),
    ),
    Entry(
        56,
        "a body that would unpack to a thousand times its size",
        ("gateway/test_bad_http.py::test_a_compressed_body_is_not_unpacked",),
    ),
    Entry(
        58,
        "headers that only the platform sets",
        (
            "gateway/test_gateway.py::test_the_function_is_told_all_that_the_contract_names",
            "gateway/test_bad_http.py::test_odd_but_good_http_is_served",
        ),
    ),
    Entry(
        59,
        "HTTP/1.0, pipelining, h2c, websockets, 100-continue and then silence",
        (
            "gateway/test_bad_http.py::test_odd_but_good_http_is_served",
            "gateway/test_bad_http.py::test_pipelined_requests_are_answered_in_order",
            "gateway/test_bad_http.py::test_no_other_protocol_is_gone_over_to",
            "gateway/test_bad_http.py::test_what_comes_behind_a_change_of_protocol_is_read_as_http_1_1_or_not_at_all",
            "gateway/test_slow_clients.py::test_who_does_not_go_on_sending_is_closed_in_time",
        ),
    ),
    Entry(
        60,
        "20,000 connections that do nothing",
        (
            "gateway/test_crowds.py::test_twenty_thousand_idle_connections_stay_within_the_cap_and_hold_nobody_up",
        ),
    ),
    # handlers
    Entry(
        61,
        "errors of every kind",
        ("supervisor/test_failures.py::test_odd_errors_are_told_and_capped",),
    ),
    Entry(
        62,
        "exits, crashes, signals",
        (
            "supervisor/test_failures.py::test_an_exit_is_told_at_once_and_the_next_call_finds_a_new_process",
            "supervisor/test_failures.py::test_a_function_that_kills_process_1_harms_nobody",
        ),
    ),
    Entry(
        63,
        "init that exits, raises or hangs",
        (
            "supervisor/test_init.py::test_each_way_of_failing_is_tried_twice_and_told",
            "gateway/test_init_processes.py::test_an_init_that_hangs_is_told_as_such_however_short_the_functions_timeout",
            "gateway/test_concurrency.py::test_an_init_error_is_told_to_every_waiter_byte_for_byte",
            "gateway/test_concurrency.py::test_a_call_after_the_back_off_tries_init_again",
        ),
    ),
    Entry(
        64,
        "handlers that do not end",
        ("supervisor/test_failures.py::test_at_the_timeout_everything_is_ended_and_told",),
    ),
    Entry(
        65,
        "fork bombs and daemons",
        (
            "supervisor/test_failures.py::test_many_children_that_fork_are_all_ended",
            "supervisor/test_failures.py::test_a_daemon_does_not_survive_its_process",
        ),
    ),
    Entry(
        66,
        "memory beyond the limit",
        (
            "supervisor/test_failures.py::test_at_the_memory_limit_everything_is_ended_and_told",
            "supervisor/test_failures.py::test_memory_taken_between_events_is_limited_too",
        ),
    ),
    Entry(
        67,
        "floods and forgeries in the log",
        (
            "supervisor/test_log.py::test_a_flood_is_dropped_and_marked_and_the_tail_is_the_end",
            "supervisor/test_log.py::test_a_line_without_end_is_cut",
            "supervisor/test_log.py::test_json_stays_json_whatever_is_written",
        ),
    ),
    Entry(
        68,
        "descriptors that are closed, garbage to the Runtime API",
        (
            "supervisor/test_failures.py::test_closing_the_standard_descriptors_harms_nothing",
            "supervisor/test_failures.py::test_spoiling_the_runtime_connection_is_told_and_does_not_hang",
        ),
    ),
    Entry(
        69,
        "answers twice, late, or to another event",
        (
            "supervisor/test_runtime_api.py::test_an_old_id_is_refused_and_the_next_event_unaffected",
            "supervisor/test_runtime_api.py::test_the_first_of_two_answers_at_once_counts",
            "supervisor/test_runtime_api.py::test_a_late_answer_finds_nobody",
        ),
    ),
    Entry(
        70,
        "asking for events out of turn",
        (
            "supervisor/test_runtime_api.py::test_what_is_out_of_order_is_refused_and_hurts_nothing",
            "supervisor/test_runtime_api.py::test_of_two_who_ask_at_once_one_gets_the_event",
        ),
    ),
    Entry(
        71,
        "an answer that breaks off",
        (
            "supervisor/test_runtime_api.py::test_an_answer_that_breaks_off_is_an_error",
            "supervisor/test_runtime_api.py::test_an_error_in_the_trailers_is_the_outcome",
        ),
    ),
    Entry(
        72,
        "work and state that outlive a call",
        ("supervisor/test_failures.py::test_background_work_and_globals_live_until_the_next_call",),
    ),
    Entry(
        75,
        "the shortest calls, and those that end about their timeout",
        (
            "supervisor/test_failures.py::test_the_shortest_call_is_billed_a_millisecond",
            "supervisor/test_failures.py::test_a_function_that_ends_about_its_timeout_is_settled_once_each_time",
        ),
    ),
)


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of a file's tests."""
    tree = ast.parse((TESTS / file).read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: f"{entry.number} {entry.label}")
def test_each_bad_input_has_its_tests(entry: Entry) -> None:
    missing = []
    for test in entry.tests:
        file, _, name = test.partition("::")
        if not (TESTS / file).exists() or name not in names_in(file):
            missing.append(test)
    assert missing == []
    assert entry.tests


def test_each_is_listed_once_and_in_order() -> None:
    numbers = [entry.number for entry in INDEX]
    assert numbers == sorted(set(numbers))
