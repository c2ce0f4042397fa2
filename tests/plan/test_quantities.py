import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.api.values import parse_quantity
from funclet.plan.quantities import bytes_quantity, cpu_quantity


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (1, "1"),
        (134_217_728, "128Mi"),
        (1 << 30, "1Gi"),
        (1536 << 20, "1536Mi"),
        (134_217_729, "134217729"),
        (200_000_000 + 1, "200000001"),
        (500_000_000, "500M"),
        (1_024_000, "1000Ki"),
    ],
)
def test_bytes_are_written_as_the_api_server_writes_them(count: int, text: str) -> None:
    assert bytes_quantity(count) == text


@given(st.integers(1, 1 << 40))
def test_no_byte_is_lost_in_writing(count: int) -> None:
    assert parse_quantity(bytes_quantity(count)) == count


@pytest.mark.parametrize(("millicores", "text"), [(73, "73m"), (1000, "1"), (5789, "5789m"), (2000, "2")])
def test_cpu_is_written_as_the_api_server_writes_it(millicores: int, text: str) -> None:
    assert cpu_quantity(millicores) == text
