import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.gateway.answer import InitError, NotStarted, Unintelligible, init_failure, meaning
from funclet.gateway.http_answer import Answered
from funclet.gateway.ports import InvokeRequest, InvokeResult
from funclet.plan.routes import Target
from support.gateway import revision, route

TARGET = Target(route(), revision(), "7", "arn:aws:lambda:us-east-1:123456789012:function:hello:live")
REQUEST = InvokeRequest(TARGET, "id", b"{}", tail=True)


def test_an_answer_tells_of_the_invocation() -> None:
    headers = {
        b"content-type": b"application/json",
        b"x-funclet-outcome": b"ok",
        b"x-funclet-duration-us": b"1500",
        b"x-funclet-billed-ms": b"2",
        b"x-funclet-init-us": b"20000",
        b"x-funclet-memory-mb": b"30",
        b"x-funclet-log-tail": b"bG9n",
    }
    assert meaning(Answered(200, headers, b"1"), REQUEST) == InvokeResult(
        body=b"1",
        executed_version="7",
        log_tail="bG9n",
        cold=True,
        billed_ms=2,
        duration_ms=1.5,
        init_ms=20.0,
        max_memory_mb=30,
    )


def test_a_function_error_is_unhandled() -> None:
    result = meaning(Answered(200, {b"x-funclet-outcome": b"error"}, b"{}"), REQUEST)
    assert isinstance(result, InvokeResult)
    assert result.function_error == "Unhandled"


def test_an_init_error_carries_its_payload_and_its_reason() -> None:
    payload = b'{"errorType":"Runtime.ImportModuleError","errorMessage":"No module named x"}'
    error = meaning(Answered(200, {b"x-funclet-outcome": b"init-error"}, payload), REQUEST)
    assert isinstance(error, InitError)
    assert error.result.body == payload
    assert (error.failure.reason, error.failure.message) == ("InitFailed", "No module named x")


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"errorMessage":5}', b"\xff", b"[" * 100_000])
def test_any_init_error_has_a_message(payload: bytes) -> None:
    assert init_failure(payload).message == "The runtime failed in init."


def test_not_started_is_told_by_its_header() -> None:
    assert meaning(Answered(503, {b"x-funclet-not-started": b"busy"}, b""), REQUEST) == NotStarted("busy")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (200, {b"x-funclet-outcome": b"fine"}),
        (500, {b"x-funclet-outcome": b"ok"}),
        (503, {}),
        (200, {b"x-funclet-not-started": b"busy"}),
    ],
)
def test_what_the_contract_does_not_know_is_unintelligible(status: int, headers: dict[bytes, bytes]) -> None:
    assert meaning(Answered(status, headers, b""), REQUEST) == Unintelligible()


_NAMES = [b"x-funclet-outcome", b"x-funclet-duration-us", b"x-funclet-billed-ms", b"x-funclet-init-us",
          b"x-funclet-log-tail", b"content-type", b"x-funclet-not-started"]  # fmt: skip


@given(
    st.sampled_from([200, 503, 404, 100]),
    st.dictionaries(st.sampled_from(_NAMES), st.binary(max_size=40) | st.just(b"ok")),
    st.binary(max_size=40),
)
def test_any_answer_has_a_meaning(status: int, headers: dict[bytes, bytes], body: bytes) -> None:
    meaning(Answered(status, headers, body), REQUEST)
