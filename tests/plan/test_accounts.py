"""The account of a namespace: 12 digits, the same for everybody and for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.plan.accounts import derived_account


@pytest.mark.parametrize(
    ("namespace", "account"),
    [("default", "444788857711"), ("shop", "096771409770"), ("kube-system", "852752656145")],
)
def test_accounts_are_what_they_were(namespace: str, account: str) -> None:
    assert derived_account(namespace) == account


@given(st.text(max_size=63))
def test_an_account_has_twelve_digits(namespace: str) -> None:
    account = derived_account(namespace)
    assert len(account) == 12
    assert account.isascii()
    assert account.isdecimal()
    assert derived_account(namespace) == account


def test_ten_thousand_namespaces_have_accounts_of_their_own() -> None:
    assert len({derived_account(f"team-{number}") for number in range(10_000)}) == 10_000
