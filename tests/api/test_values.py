"""Quantities and durations, as Kubernetes and Go write them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.api.values import parse_duration, parse_quantity


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("128", 128),
        ("1k", 1000),
        ("1Ki", 1024),
        ("128Mi", 134_217_728),
        ("10240Mi", 10_737_418_240),
        ("1M", 1_000_000),
        ("1G", 1_000_000_000),
        ("1Gi", 1_073_741_824),
    ],
)
def test_a_quantity_is_read_in_bytes(text: str, size: int) -> None:
    assert parse_quantity(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "Mi", "-1", "1.5Gi", "1Ei", "1 Mi", "1mi", "1e3", "\N{ARABIC-INDIC DIGIT ONE}", "1Mi\n", "9" * 19],
)
def test_what_is_no_quantity_is_refused_with_the_notation(text: str) -> None:
    with pytest.raises(ValueError, match="write a whole number, then Ki, Mi, Gi, k, M or G"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("1.5s", 1.5),
        ("1500ms", 1.5),
        ("15m", 900.0),
        ("1h30m", 5400.0),
        ("0.001s", 0.001),
        ("0s", 0.0),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "5",
        "-1s",
        "1d",
        "1w",
        "1us",
        "1 s",
        "s",
        "1.s",
        ".5s",
        "\N{ARABIC-INDIC DIGIT ONE}s",
        "1s\n",
        "NaN",
    ],
)
def test_what_is_no_duration_is_refused_with_the_notation(text: str) -> None:
    with pytest.raises(ValueError, match="write numbers with h, m, s or ms"):
        parse_duration(text)


@given(st.integers(0, 99_999), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_the_parts_of_a_duration_add_up(hours: int, minutes: int, seconds: int, millis: int) -> None:
    total = parse_duration(f"{hours}h{minutes}m{seconds}s{millis}ms")
    assert total == pytest.approx(hours * 3600 + minutes * 60 + seconds + millis / 1000, abs=1e-6)


@given(st.text(max_size=12))
def test_any_text_is_a_value_or_refused(text: str) -> None:
    for parse in (parse_quantity, parse_duration):
        with suppress(ValueError):
            assert parse(text) >= 0
