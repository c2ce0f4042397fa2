import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.plan.capability import announce_capability, code_capability, is_capability

KEY = b"k" * 32
names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


def test_a_capability_is_the_hmac_that_the_contract_says() -> None:
    wanted = hmac.new(KEY, b"announce\nshop\ngreet-latest-x", hashlib.sha256).hexdigest()
    assert announce_capability(KEY, "shop", "greet-latest-x") == wanted
    wanted = hmac.new(KEY, b"code\nshop\nab", hashlib.sha256).hexdigest()
    assert code_capability(KEY, "shop", "ab") == wanted


@given(names, names, names, names)
def test_a_capability_holds_for_one_revision_of_one_namespace(a: str, b: str, c: str, d: str) -> None:
    same = (a, b) == (c, d)
    assert is_capability(announce_capability(KEY, a, b), announce_capability(KEY, c, d)) is same


@given(names, names, names, names)
def test_a_capability_holds_for_the_code_of_one_namespace(a: str, b: str, c: str, d: str) -> None:
    same = (a, b) == (c, d)
    assert is_capability(code_capability(KEY, a, b), code_capability(KEY, c, d)) is same


def test_a_capability_to_announce_reads_no_code() -> None:
    assert announce_capability(KEY, "a", "b") != code_capability(KEY, "a", "b")


def test_an_empty_key_makes_no_capability() -> None:
    with pytest.raises(ValueError, match="empty"):
        code_capability(b"", "shop", "ab")


def test_what_is_no_text_at_all_is_no_capability() -> None:
    assert not is_capability("\ud800é", code_capability(KEY, "shop", "ab"))
