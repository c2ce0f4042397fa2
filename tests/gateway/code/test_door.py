"""What the door gives to whom."""

import hashlib
import random
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import pytest
from yarl import URL

from funclet.gateway.code.archives import FORWARDED
from funclet.plan.capability import announce_capability, code_capability
from support.archives import CAPABILITY_KEY, NAMESPACE, CodeGateway, Shelf, code_gateway

SOURCE = "https://example.com/greet.zip"
BODY = random.Random(1).randbytes(100_000)  # noqa: S311 - the same in each process of a run
SHA = hashlib.sha256(BODY).hexdigest()
RIGHT = code_capability(CAPABILITY_KEY, NAMESPACE, SHA)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[CodeGateway]:
    """A gateway that can have the archive."""
    async with code_gateway(tmp_path, Shelf({SOURCE: BODY})) as made:
        made.put_zip(SHA, SOURCE)
        yield made


async def ask(
    gateway: CodeGateway, path: str, method: str = "GET", **headers: str
) -> tuple[int, bytes, Mapping[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    host, port = gateway.address.split(":")
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.request(method, URL(f"http://{host}:{port}{path}", encoded=True), headers=named) as answer,
    ):
        return answer.status, await answer.read(), answer.headers


async def test_the_bearer_of_the_capability_gets_the_archive(gateway: CodeGateway) -> None:
    status, body, headers = await ask(gateway, f"/code/{NAMESPACE}/{SHA}", authorization=f"Bearer {RIGHT}")
    assert (status, body) == (200, BODY)
    assert headers["Content-Type"] == "application/zip"
    assert headers["Content-Length"] == str(len(BODY))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Basic {RIGHT}",
        RIGHT,
        f"Bearer {RIGHT[:-1]}",
        f"Bearer {RIGHT.upper()}",
        f"Bearer {RIGHT}, Bearer {RIGHT}",
        f"Bearer {code_capability(b'another key', NAMESPACE, SHA)}",
        f"Bearer {code_capability(CAPABILITY_KEY, NAMESPACE, '0' * 64)}",
        f"Bearer {code_capability(CAPABILITY_KEY, 'other', SHA)}",
        f"Bearer {announce_capability(CAPABILITY_KEY, 'default', SHA)}",
        "Bearer \xfc",
    ],
)
async def test_who_does_not_bear_this_very_capability_learns_nothing(
    gateway: CodeGateway, authorization: str
) -> None:
    has, has_not = [
        await ask(gateway, f"/code/{NAMESPACE}/{sha256}", authorization=authorization)
        for sha256 in (SHA, "1" * 64)
    ]
    assert has[:2] == has_not[:2] == (401, b"")


async def test_who_shows_nothing_at_all_learns_nothing(gateway: CodeGateway) -> None:
    assert (await ask(gateway, f"/code/{NAMESPACE}/{SHA}"))[:2] == (401, b"")


@pytest.mark.parametrize(
    "path",
    [
        f"/code/{NAMESPACE}/..%2F..%2Fetc%2Fpasswd",
        f"/code/{NAMESPACE}/%2Fetc%2Fpasswd",
        f"/code/{NAMESPACE}/partial",
        f"/code/..%2Fx/{SHA}",
        f"/code/%2Fetc/{SHA}",
        f"/code/default%0A/{SHA}",
        f"/code/DEFAULT/{SHA}",
        f"/code/{'n' * 64}/{SHA}",
        f"/code/{NAMESPACE}/{SHA.upper()}",
        f"/code/{NAMESPACE}/{SHA}%00",
        f"/code/{NAMESPACE}/{SHA}%0A",
        f"/code/{NAMESPACE}/{SHA[:-1]}",
        f"/code/{NAMESPACE}/{SHA}.corrupt",
        f"/code/{NAMESPACE}/{SHA[:2]}%2F{SHA}",
        f"/code/{NAMESPACE}/%C2%B2" + "0" * 63,
    ],
)
async def test_what_is_no_hash_is_never_a_path(gateway: CodeGateway, path: str) -> None:
    namespace, sha256 = map(unquote, path.removeprefix("/code/").split("/"))
    capability = code_capability(CAPABILITY_KEY, namespace, sha256)
    assert (await ask(gateway, path, authorization=f"Bearer {capability}"))[:2] == (401, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/code/",
        "/code",
        f"/code/{SHA}",
        f"/code/{NAMESPACE}/{SHA}/",
        f"/code/{NAMESPACE}/{SHA}/x",
        f"//code/{NAMESPACE}/{SHA}",
    ],
)
async def test_there_is_nothing_around_it(gateway: CodeGateway, path: str) -> None:
    assert (await ask(gateway, path, authorization=f"Bearer {RIGHT}"))[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_archives_are_only_read(gateway: CodeGateway, method: str) -> None:
    status, *_ = await ask(gateway, f"/code/{NAMESPACE}/{SHA}", method, authorization=f"Bearer {RIGHT}")
    assert status == 405
    assert not gateway.has(SHA)


async def test_what_cannot_be_had_is_told_in_a_sentence(gateway: CodeGateway) -> None:
    capability = code_capability(CAPABILITY_KEY, NAMESPACE, "1" * 64)
    status, body, _ = await ask(
        gateway, f"/code/{NAMESPACE}/{'1' * 64}", authorization=f"Bearer {capability}"
    )
    assert status == 404
    assert body.startswith(b"no function and no gateway has the code 111")


async def test_a_peer_gets_only_what_is_at_hand(gateway: CodeGateway) -> None:
    headers = {"authorization": f"Bearer {RIGHT}", FORWARDED: "1"}
    assert (await ask(gateway, f"/code/{NAMESPACE}/{SHA}", **headers))[0] == 404
    await gateway.find(SHA)
    assert (await ask(gateway, f"/code/{NAMESPACE}/{SHA}", **headers))[:2] == (200, BODY)


async def test_a_reader_may_go_on_where_it_broke_off(gateway: CodeGateway) -> None:
    status, body, _ = await ask(
        gateway, f"/code/{NAMESPACE}/{SHA}", authorization=f"Bearer {RIGHT}", range="bytes=99990-"
    )
    assert (status, body) == (206, BODY[99_990:])
