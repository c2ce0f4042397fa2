import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.gateway.greeting import Greeting, parse_greeting


def test_a_greeting_names_boot_and_revision() -> None:
    line = b"FUNCLET/1 boot=0123456789abcdef revision=hello-latest-a"
    assert parse_greeting(line) == Greeting("0123456789abcdef", "hello-latest-a")


def test_further_words_are_passed_over() -> None:
    line = b"FUNCLET/1 boot=0123456789abcdef revision=r challenge=xyz"
    assert parse_greeting(line) == Greeting("0123456789abcdef", "r")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"HTTP/1.1 200 OK",
        b"FUNCLET/2 boot=0123456789abcdef revision=r",
        b"FUNCLET/1 boot=0123 revision=r",
        b"FUNCLET/1 boot=0123456789ABCDEF revision=r",
        b"FUNCLET/1 boot=0123456789abcdef",
        b"FUNCLET/1 boot=0123456789abcdef revision=",
        b"FUNCLET/1 boot=0123456789abcdef  revision=r",
        b"FUNCLET/1 revision=r",
    ],
)
def test_another_line_is_no_greeting(line: bytes) -> None:
    assert parse_greeting(line) is None


@given(st.binary(max_size=100))
def test_any_bytes_are_a_greeting_or_none(line: bytes) -> None:
    parse_greeting(line)
    parse_greeting(b"FUNCLET/1 " + line)
