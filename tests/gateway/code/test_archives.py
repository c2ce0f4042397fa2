"""Where a gateway finds code: its disk, the resources, other gateways, the origin; real listeners on loopback."""

import asyncio
import gc
import hashlib
import os
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from funclet.gateway.code.archives import FORWARDED, ArchiveError
from funclet.gateway.code.origin import OriginSettings, WebOrigin
from funclet.plan.archive import zip_of
from funclet.plan.capability import code_capability
from support.archives import CAPABILITY_KEY, NAMESPACE, CodeGateway, Shelf, code_gateway
from support.kubes import until
from support.objects import version_manifest
from support.origins import LOOPBACK, bytes_site, site

URL = "https://example.com/greet.zip"
BODY = os.urandom(100_000)
SHA = hashlib.sha256(BODY).hexdigest()
INLINE = {"app.py": "def handler(event, context): return 1"}
INLINE_ZIP = zip_of(INLINE)
INLINE_SHA = hashlib.sha256(INLINE_ZIP).hexdigest()
OTHER = {"app.py": "def handler(event, context): return 2"}


@pytest.fixture
def shelf() -> Shelf:
    """An origin that has the archive."""
    return Shelf({URL: BODY})


@pytest.fixture
async def gateway(tmp_path: Path, shelf: Shelf) -> AsyncIterator[CodeGateway]:
    """A gateway that knows where the archive is."""
    async with code_gateway(tmp_path / "one", shelf) as made:
        made.put_zip(SHA, URL)
        yield made


@pytest.fixture
async def peer(tmp_path: Path, shelf: Shelf) -> AsyncIterator[CodeGateway]:
    """Another."""
    async with code_gateway(tmp_path / "two", shelf) as made:
        made.put_zip(SHA, URL)
        yield made


async def refusal(gateway: CodeGateway, sha256: str, namespace: str = NAMESPACE) -> str:
    with pytest.raises(ArchiveError) as raised:
        await gateway.find(sha256, namespace)
    return str(raised.value)


def left_over(gateway: CodeGateway) -> list[Path]:
    return list(gateway.root.glob("*/partial/*"))


def used(root: Path) -> int:
    return sum(path.stat().st_size for path in root.glob("*/??/*"))


async def test_an_archive_is_fetched_once_and_then_had(gateway: CodeGateway, shelf: Shelf) -> None:
    for _ in range(2):
        assert (await gateway.find(SHA)).read_bytes() == BODY
    assert shelf.asked == [URL]


async def test_an_archive_comes_from_a_real_server(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=BODY)

    origin = WebOrigin(OriginSettings(allow_http=True, allowed_networks=(LOOPBACK,)))
    async with site(answer) as port, code_gateway(tmp_path, origin) as gateway:
        gateway.put_zip(SHA, f"http://127.0.0.1:{port}/greet.zip")
        assert (await gateway.find(SHA)).read_bytes() == BODY
    await origin.close()


async def test_what_breaks_off_at_the_server_leaves_nothing(tmp_path: Path) -> None:
    origin = WebOrigin(OriginSettings(allow_http=True, allowed_networks=(LOOPBACK,)))
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + BODY[:50_000]
    async with bytes_site(half) as port, code_gateway(tmp_path, origin) as gateway:
        gateway.put_zip(SHA, f"http://127.0.0.1:{port}/greet.zip")
        assert "broke off" in await refusal(gateway, SHA)
        assert (gateway.has(SHA), left_over(gateway)) == (False, [])
    await origin.close()


async def test_a_hundred_who_ask_at_once_share_one_search(gateway: CodeGateway, shelf: Shelf) -> None:
    found = await asyncio.gather(*(gateway.find(SHA) for _ in range(100)))
    assert len(set(found)) == 1
    assert shelf.asked == [URL]


async def test_a_search_goes_on_when_the_first_who_asked_is_gone(gateway: CodeGateway, shelf: Shelf) -> None:
    shelf.gate.clear()
    first = asyncio.create_task(gateway.find(SHA))
    await until(lambda: bool(shelf.asked))
    second = asyncio.create_task(gateway.find(SHA))
    first.cancel()
    shelf.gate.set()
    assert (await second).read_bytes() == BODY
    assert shelf.asked == [URL]


async def test_a_search_that_failed_is_made_anew(gateway: CodeGateway, shelf: Shelf) -> None:
    shelf.shelf[URL] = ArchiveError("away")
    assert await refusal(gateway, SHA) == "away"
    shelf.shelf[URL] = BODY
    assert (await gateway.find(SHA)).read_bytes() == BODY


async def test_a_search_that_fails_with_nobody_left_is_no_noise(gateway: CodeGateway, shelf: Shelf) -> None:
    noise: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    shelf.shelf[URL] = ArchiveError("away")
    shelf.gate.clear()
    task = asyncio.create_task(gateway.find(SHA))
    await until(lambda: bool(shelf.asked))
    task.cancel()
    shelf.gate.set()
    await until(lambda: not gateway.archives._looking)
    gc.collect()
    assert noise == []


async def test_other_bytes_are_refused_and_not_kept(gateway: CodeGateway, shelf: Shelf) -> None:
    shelf.shelf[URL] = BODY[:-1] + b"x"
    assert "its SHA-256 does not match" in await refusal(gateway, SHA)
    assert (gateway.has(SHA), left_over(gateway)) == (False, [])


async def test_what_was_damaged_on_the_disk_is_fetched_anew(gateway: CodeGateway, shelf: Shelf) -> None:
    path = await gateway.find(SHA)
    path.write_bytes(b"damaged")
    assert (await gateway.find(SHA)).read_bytes() == BODY
    assert shelf.asked == [URL, URL]


async def test_code_that_nobody_knows_is_told(gateway: CodeGateway) -> None:
    assert "no function and no gateway has the code" in await refusal(gateway, "0" * 64)


async def test_a_source_of_another_archive_is_not_asked(gateway: CodeGateway, shelf: Shelf) -> None:
    """The spec names the next archive while the status still has the one before."""
    gateway.put_zip("1" * 64, URL)
    assert "no function and no gateway" in await refusal(gateway, SHA)
    assert shelf.asked == []


async def test_an_archive_with_several_sources_comes_from_the_one_that_has_it(
    gateway: CodeGateway, shelf: Shelf
) -> None:
    shelf.shelf["https://a.example.com/"] = ArchiveError("away")
    gateway.put_zip(SHA, "https://a.example.com/", name="a")
    assert (await gateway.find(SHA)).read_bytes() == BODY


async def test_a_source_that_failed_is_asked_after_the_others(gateway: CodeGateway, shelf: Shelf) -> None:
    bad = "https://a.example.com/"
    shelf.shelf |= {bad: ArchiveError("away"), URL: ArchiveError("away too")}
    gateway.put_zip(SHA, bad, name="a")
    await refusal(gateway, SHA)
    shelf.shelf[URL] = BODY
    gateway.archives._failed.discard(URL)
    shelf.asked.clear()
    await gateway.find(SHA)
    assert shelf.asked == [URL]


# Inline code


async def test_inline_code_is_made_from_the_resource(gateway: CodeGateway, shelf: Shelf) -> None:
    gateway.put_inline(INLINE, INLINE_SHA)
    assert (await gateway.find(INLINE_SHA)).read_bytes() == INLINE_ZIP
    assert shelf.asked == []


async def test_inline_code_stays_after_the_spec_changed(gateway: CodeGateway) -> None:
    gateway.put_inline(INLINE, INLINE_SHA)
    gateway.put_inline(OTHER, None)
    await until(lambda: gateway.has(INLINE_SHA))
    assert (await gateway.find(INLINE_SHA)).read_bytes() == INLINE_ZIP


async def test_inline_code_is_kept_before_anybody_named_its_hash(gateway: CodeGateway) -> None:
    gateway.put_inline(INLINE, None)
    await until(lambda: gateway.has(INLINE_SHA))


async def test_inline_code_stays_after_its_function_is_deleted(gateway: CodeGateway) -> None:
    gateway.put_inline(INLINE, INLINE_SHA)
    await until(lambda: gateway.has(INLINE_SHA))
    gateway.informer._remove(next(iter(gateway.informer._objects["Function"])))
    assert (await gateway.find(INLINE_SHA)).read_bytes() == INLINE_ZIP


async def test_code_that_a_revision_had_is_made_from_its_record_though_no_gateway_has_it_any_more(
    gateway: CodeGateway,
) -> None:
    gateway.put_inline(OTHER, None)
    gateway.put_record({"inline": INLINE}, INLINE_SHA)
    assert (await gateway.find(INLINE_SHA)).read_bytes() == INLINE_ZIP


async def test_an_archive_that_a_revision_had_is_fetched_from_where_its_record_says(
    gateway: CodeGateway, shelf: Shelf
) -> None:
    gateway.put_inline(OTHER, None)
    gateway.put_record({"zip": {"url": URL, "sha256": SHA}}, SHA)
    assert (await gateway.find(SHA)).read_bytes() == BODY
    assert shelf.asked == [URL]


async def test_a_record_whose_code_is_not_what_it_says_gives_nothing(gateway: CodeGateway) -> None:
    gateway.put_record({"inline": OTHER}, INLINE_SHA)
    with pytest.raises(ArchiveError, match="any more"):
        await gateway.find(INLINE_SHA)


async def test_a_status_that_lags_does_not_hide_a_version_with_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funclet.gateway.code.archives.Archives._seen", lambda *_: None)
    async with code_gateway(tmp_path, Shelf({})) as gateway:
        gateway.put_inline(OTHER, INLINE_SHA)
        gateway.put(version_manifest(1, code={"inline": INLINE}, codeSha256=INLINE_SHA))
        assert (await gateway.find(INLINE_SHA)).read_bytes() == INLINE_ZIP


async def test_a_status_that_lags_does_not_hide_a_peer_with_the_code(
    gateway: CodeGateway, peer: CodeGateway
) -> None:
    peer.put_inline(INLINE, INLINE_SHA)
    await until(lambda: peer.has(INLINE_SHA))
    gateway.put_inline(OTHER, INLINE_SHA)
    gateway.peers = [peer.address]
    assert (await gateway.find(INLINE_SHA)).read_bytes() == INLINE_ZIP


# Peers


async def test_a_peer_is_asked_before_the_origin(
    gateway: CodeGateway, peer: CodeGateway, shelf: Shelf
) -> None:
    await peer.find(SHA)
    gateway.peers = [peer.address]
    assert (await gateway.find(SHA)).read_bytes() == BODY
    assert shelf.asked == [URL]


async def test_a_peer_that_does_not_have_it_does_not_fetch_it(
    gateway: CodeGateway, peer: CodeGateway, shelf: Shelf
) -> None:
    gateway.peers = [peer.address]
    await gateway.find(SHA)
    assert not peer.has(SHA)
    assert shelf.asked == [URL]


async def test_two_gateways_that_look_for_one_archive_do_not_wait_for_each_other(
    gateway: CodeGateway, peer: CodeGateway
) -> None:
    gateway.peers, peer.peers = [peer.address], [gateway.address]
    async with asyncio.timeout(5):
        found = await asyncio.gather(gateway.find(SHA), peer.find(SHA))
    assert [path.read_bytes() for path in found] == [BODY, BODY]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + BODY[:50_000],
        b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + bytes(100_000),
        b"not HTTP\r\n\r\n",
    ],
    ids=["hangs up", "has it not", "dies half-way", "sends other bytes", "is something else"],
)
async def test_a_peer_that_is_of_no_use_is_passed_over(
    gateway: CodeGateway, peer: CodeGateway, answer: bytes
) -> None:
    await peer.find(SHA)
    async with bytes_site(answer) as port:
        gateway.peers = ["127.0.0.1:1", f"127.0.0.1:{port}", peer.address]
        assert (await gateway.find(SHA)).read_bytes() == BODY
    assert left_over(gateway) == []


async def test_a_peer_that_is_silent_is_passed_over(
    gateway: CodeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funclet.gateway.code.archives._PEER", 0.1)

    async def silent(_: web.Request) -> web.Response:
        return await asyncio.Future()

    async with site(silent) as port:
        gateway.peers = [f"127.0.0.1:{port}"]
        assert (await gateway.find(SHA)).read_bytes() == BODY


async def test_a_peer_is_shown_the_capability_and_told_not_to_ask_on(gateway: CodeGateway) -> None:
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["authorization"], request.headers[FORWARDED]))
        return web.Response(status=404)

    async with site(answer) as port:
        gateway.peers = [f"127.0.0.1:{port}"]
        await gateway.find(SHA)
    assert seen == [
        (f"/code/{NAMESPACE}/{SHA}", f"Bearer {code_capability(CAPABILITY_KEY, NAMESPACE, SHA)}", "1")
    ]


# Namespaces


async def test_who_only_knows_the_hash_does_not_get_the_code_of_another_namespace(
    gateway: CodeGateway, peer: CodeGateway, shelf: Shelf
) -> None:
    await gateway.find(SHA)
    await peer.find(SHA)
    gateway.peers = [peer.address]
    shelf.asked.clear()
    assert "no function and no gateway has the code" in await refusal(gateway, SHA, "thief")
    gateway.put_zip(SHA, "https://example.com/nothing.zip", namespace="thief")
    shelf.shelf["https://example.com/nothing.zip"] = b"something else"
    assert "its SHA-256 does not match" in await refusal(gateway, SHA, "thief")
    assert shelf.asked == ["https://example.com/nothing.zip"]


async def test_inline_code_is_that_of_its_namespace_alone(gateway: CodeGateway) -> None:
    gateway.put_inline(INLINE, INLINE_SHA)
    await until(lambda: gateway.has(INLINE_SHA))
    gateway.put_inline(OTHER, INLINE_SHA, namespace="thief")
    assert "no function and no gateway has the code" in await refusal(gateway, INLINE_SHA, "thief")


async def test_two_namespaces_with_one_archive_fetch_it_each(gateway: CodeGateway, shelf: Shelf) -> None:
    gateway.put_zip(SHA, URL, namespace="other")
    found = [await gateway.find(SHA, namespace) for namespace in (NAMESPACE, "other")]
    assert [path.read_bytes() for path in found] == [BODY, BODY]
    assert shelf.asked == [URL, URL]


async def test_what_an_interrupted_write_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "shop/partial").mkdir(parents=True)
    (tmp_path / "shop/partial/left").touch()
    async with code_gateway(tmp_path, Shelf({})):
        assert list((tmp_path / "shop/partial").iterdir()) == []


# The disk


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow past this many bytes: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_that_is_full_is_told_and_later_tried_again(gateway: CodeGateway) -> None:
    with small_disk(10_000):
        assert await refusal(gateway, SHA) == "the gateway cannot keep code: File too large"
        assert left_over(gateway) == []
    assert (await gateway.find(SHA)).read_bytes() == BODY


async def test_inline_code_that_found_no_room_is_made_when_it_is_needed(gateway: CodeGateway) -> None:
    with small_disk(10):
        gateway.put_inline(INLINE, INLINE_SHA)
        await until(lambda: not gateway.archives._keeping)
    assert (await gateway.find(INLINE_SHA)).read_bytes() == INLINE_ZIP


async def test_the_cache_stays_below_its_limit(tmp_path: Path) -> None:
    bodies = {f"https://example.com/{i}": os.urandom(400_000) for i in range(8)}
    async with code_gateway(tmp_path, Shelf(bodies), limit=1_600_000) as gateway:
        for index, (url, body) in enumerate(bodies.items()):
            sha256 = hashlib.sha256(body).hexdigest()
            gateway.put_zip(sha256, url, name=f"f{index}")
            assert (await gateway.find(sha256)).read_bytes() == body
            assert used(tmp_path) <= 1_600_000


async def test_what_is_in_use_stays_while_the_cache_is_swept(tmp_path: Path) -> None:
    bodies = {f"https://example.com/{i}": os.urandom(400_000) for i in range(8)}
    shelf = Shelf(bodies)
    hashes = [hashlib.sha256(body).hexdigest() for body in bodies.values()]
    async with code_gateway(tmp_path, shelf, limit=1_600_000) as gateway:
        for index, (url, sha256) in enumerate(zip(bodies, hashes, strict=True)):
            gateway.put_zip(sha256, url, name=f"f{index}")
            await gateway.find(sha256)
            await gateway.find(hashes[0])
    assert shelf.asked == list(bodies)


async def test_the_end_of_a_gateway_ends_its_searches(tmp_path: Path) -> None:
    class Never:
        async def fetch(self, _: str) -> AsyncGenerator[bytes]:
            await asyncio.Event().wait()
            yield b""

    async with code_gateway(tmp_path, Never()) as gateway:
        gateway.put_zip(SHA, URL)
        asked = asyncio.create_task(gateway.find(SHA))
        await until(lambda: bool(left_over(gateway)))
        await gateway.archives.close()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert left_over(gateway) == []
