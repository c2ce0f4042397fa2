import pytest

from funclet.gateway.guard import Guard
from funclet.gateway.settings import LOCAL_HOSTS

GUARD = Guard(LOCAL_HOSTS)


@pytest.mark.parametrize(
    "host", [b"localhost", b"localhost:8700", b"127.0.0.1:1", b"[::1]", b"[::1]:8700", b"LOCALHOST:80"]
)
def test_a_local_client_passes(host: bytes) -> None:
    assert GUARD.refusal({b"host": host}) is None


@pytest.mark.parametrize(
    "host",
    [b"", b"evil.example", b"evil.example:8700", b"localhost.evil.example", b"localhost@evil", b"::1", b"127.0.0.1.",
     b"0.0.0.0", b"localhost:80:90", b"\xff"],
)  # fmt: skip
def test_a_foreign_host_is_refused(host: bytes) -> None:
    error = GUARD.refusal({b"host": host})
    assert error is not None
    assert (error.status, error.code) == (403, "AccessDeniedException")


@pytest.mark.parametrize(
    "headers",
    [
        {b"origin": b"https://evil.example"},
        {b"origin": b"null"},
        {b"origin": b"http://localhost:8700"},
        {b"sec-fetch-site": b"cross-site"},
        {b"sec-fetch-site": b"same-site"},
    ],
)
def test_a_web_page_is_refused(headers: dict[bytes, bytes]) -> None:
    assert GUARD.refusal({b"host": b"localhost", **headers}) is not None


def test_without_a_policy_everything_passes() -> None:
    assert Guard(None).refusal({b"host": b"x", b"origin": b"y"}) is None
