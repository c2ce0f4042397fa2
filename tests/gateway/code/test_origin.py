"""Archives from the web, from real servers on loopback, which is allowed here only where a test says so."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import web

from funclet.gateway.code.archives import ArchiveError
from funclet.gateway.code.origin import ARCHIVE_LIMIT, OriginSettings, WebOrigin
from support.origins import LOOPBACK, Authority, Names, bytes_site, site

NAME = "code.example.com"
BODY = bytes(range(256)) * 1000
HERE = OriginSettings(allow_http=True, allowed_networks=(LOOPBACK,))
STRICT = OriginSettings(allow_http=True)


@asynccontextmanager
async def origin(
    settings: OriginSettings = HERE, names: Names | None = None, authority: Authority | None = None
) -> AsyncIterator[WebOrigin]:
    made = WebOrigin(
        settings, resolver=names or Names({NAME: ["127.0.0.1"]}), tls=authority.client if authority else None
    )
    try:
        yield made
    finally:
        await made.close()


async def read(origin: WebOrigin, source: str) -> bytes:
    return b"".join([piece async for piece in origin.fetch(source)])


async def refusal(origin: WebOrigin, source: str) -> str:
    with pytest.raises(ArchiveError) as raised:
        await read(origin, source)
    return str(raised.value)


async def archive(_: web.Request) -> web.Response:
    return web.Response(body=BODY)


async def test_an_archive_comes_byte_for_byte() -> None:
    async with site(archive) as port, origin() as web_origin:
        assert await read(web_origin, f"http://{NAME}:{port}/code.zip") == BODY


async def test_tls_is_spoken_to_the_checked_address_under_the_name_in_the_url(tmp_path: Path) -> None:
    authority, hosts = Authority(tmp_path, NAME), []

    async def answer(request: web.Request) -> web.Response:
        hosts.append(request.headers["host"])
        return web.Response(body=BODY)

    names = Names({NAME: ["127.0.0.1"]})
    async with site(answer, tls=authority.server) as port, origin(HERE, names, authority) as web_origin:
        assert await read(web_origin, f"https://{NAME}:{port}/code.zip") == BODY
        assert (authority.indicated, hosts) == ([NAME], [f"{NAME}:{port}"])
    assert names.asked == [NAME]


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "other.example.com")
    async with (
        site(archive, tls=authority.server) as port,
        origin(HERE, None, authority) as web_origin,
    ):
        assert "certificate" in await refusal(web_origin, f"https://{NAME}:{port}/code.zip")


async def test_each_request_resolves_and_checks_anew() -> None:
    """A name that was public a moment ago may lead inside now."""
    names = Names({NAME: ["127.0.0.1"]})
    async with site(archive) as port, origin(HERE, names) as web_origin:
        await read(web_origin, f"http://{NAME}:{port}/")
        names.names[NAME] = ["10.0.0.1"]
        assert "no public address" in await refusal(web_origin, f"http://{NAME}:{port}/")


async def test_the_letters_of_an_address_are_kept_since_a_signature_may_cover_them() -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.Response()

    async with site(answer) as port, origin() as web_origin:
        await read(web_origin, f"http://{NAME}:{port}/a%2Fb/../c%41?sig=a%2Bb%2F=+&&x#part")
    assert seen == ["/a%2Fb/../c%41?sig=a%2Bb%2F=+&&x"]


async def test_what_is_compressed_stays_so() -> None:
    packed = gzip.compress(BODY)

    async def answer(request: web.Request) -> web.Response:
        assert request.headers["accept-encoding"] == "identity"
        return web.Response(body=packed, headers={"content-encoding": "gzip"})

    async with site(answer) as port, origin() as web_origin:
        assert await read(web_origin, f"http://{NAME}:{port}/") == packed


async def test_no_cookie_and_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    cookies = []

    async def answer(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("cookie"))
        return web.Response(headers={"set-cookie": "a=b; path=/"})

    async with site(answer) as port, origin() as web_origin:
        await read(web_origin, f"http://{NAME}:{port}/")
        await read(web_origin, f"http://{NAME}:{port}/")
    assert cookies == [None, None]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1%25lo]",
        "2130706433",
        "017700000001",
        "127.1",
        "0",
        "0.0.0.0",
        "169.254.169.254",
        "inside.example.com",
        "metadata.example.com",
        "mixed.example.com",
        "nowhere.example.com",
    ],
)
async def test_the_inside_is_never_asked_and_reads_as_if_it_were_not_there(host: str) -> None:
    names = {
        "inside.example.com": ["127.0.0.1"],
        "metadata.example.com": ["169.254.169.254"],
        "mixed.example.com": ["8.8.8.8", "127.0.0.1"],
    }
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    async with site(answer) as port, origin(STRICT, Names(names)) as web_origin:
        said = await refusal(web_origin, f"http://{host}:{port}/x")
    assert asked == []
    assert said == (
        f"http://{host.strip('[]')}/x: the host has no public address; correct its name, or ask the "
        "platform's administrator to allow its network"
    )


@pytest.mark.parametrize("host", ["localhost", "localhost.", "0x7f000001", "0x7f.1"])
async def test_the_names_that_this_machine_has_for_itself_lead_nowhere(host: str) -> None:
    made = WebOrigin(STRICT)
    async with site(archive) as port:
        assert "no public address" in await refusal(made, f"http://{host}:{port}/")
    await made.close()


@pytest.mark.parametrize(
    "source",
    [
        "gopher://example.com/",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "//example.com/x",
        "https://",
        "https:///x",
        "https://h:0/x",
        "https://h:99999/x",
        "https://h\\@evil/x",
        "https://h/a b",
        "https://h/\r\nhost:x",
        "https://exämple.com/",
        "https://[::1",
        "s3://a/b",
        "s3://Bucket/key",
        "",
    ],
)
async def test_what_is_no_address_of_code_is_refused(source: str) -> None:
    async with origin() as web_origin:
        assert await refusal(web_origin, source) == (
            "the address of the code must be https://HOST/PATH or s3://BUCKET/KEY"
        )


@pytest.mark.parametrize("who", ["user:secret", "user", ":secret", ""])
async def test_an_address_with_a_user_is_refused_and_the_password_is_not_told(who: str) -> None:
    async with origin() as web_origin:
        said = await refusal(web_origin, f"https://{who}@{NAME}/x?token=secret")
    assert said == f"https://{NAME}/x: an address of code must hold no user and no password"


async def test_plain_http_is_for_platforms_that_allow_it() -> None:
    async with origin(OriginSettings()) as web_origin:
        assert "plain http is not allowed" in await refusal(web_origin, f"http://{NAME}/x")


async def counting_down(request: web.Request) -> web.Response:
    """Lead from /3 to /2 to /1 to /0, which is the archive."""
    left = int(request.path[1:])
    return web.Response(status=302, headers={"location": f"/{left - 1}"}) if left else web.Response(body=BODY)


async def test_three_redirects_are_followed() -> None:
    async with site(counting_down) as port, origin() as web_origin:
        assert await read(web_origin, f"http://{NAME}:{port}/3") == BODY


async def test_a_fourth_redirect_is_not() -> None:
    async with site(counting_down) as port, origin() as web_origin:
        assert "more than 3 times" in await refusal(web_origin, f"http://{NAME}:{port}/4")


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://10.0.0.1/", "no public address"),
        ("http://[::ffff:a9fe:a9fe]/latest/meta-data/", "no public address"),
        ("//inside.example.com/", "no public address"),
        ("https://code.example.com/", "not an http address"),
        ("file:///etc/passwd", "not an http address"),
        ("http://user:pw@code.example.com/", "not an http address"),
        ("http://code.example.com:x/", "not an http address"),
        ("", "not an http address"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_where_a_redirect_leads_is_checked_like_the_first_address(
    location: str, why: str, status: int
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"location": location})

    names = Names({NAME: ["127.0.0.1"], "inside.example.com": ["192.168.0.1"]})
    async with site(answer) as port, origin(HERE, names) as web_origin:
        assert why in await refusal(web_origin, f"http://{NAME}:{port}/")


async def test_a_redirect_that_says_nothing_is_refused() -> None:
    async with bytes_site(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n") as port, origin() as web_origin:
        assert "not an http address" in await refusal(web_origin, f"http://{NAME}:{port}/")


@pytest.mark.parametrize("status", [201, 204, 206, 304, 401, 404, 500])
async def test_what_is_no_plain_success_is_told_by_its_number_alone(status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=b"" if status in {204, 304} else b"internal")

    async with site(answer) as port, origin() as web_origin:
        said = await refusal(web_origin, f"http://{NAME}:{port}/x?signature=secret")
    assert said == (
        f"http://{NAME}/x: the host answered {status}; check that the address gives the archive to anybody "
        "who asks"
    )


async def test_an_archive_of_exactly_the_limit_is_taken() -> None:
    settings = OriginSettings(allow_http=True, allowed_networks=(LOOPBACK,), limit=len(BODY))
    async with site(archive) as port, origin(settings) as web_origin:
        assert await read(web_origin, f"http://{NAME}:{port}/") == BODY


@pytest.mark.parametrize("told", [True, False], ids=["told at the head", "found while it comes"])
async def test_an_archive_beyond_the_limit_is_refused(told: bool) -> None:  # noqa: FBT001 - a parameter
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        response.content_length = len(BODY) * 1000 if told else None
        await response.prepare(request)
        for _ in range(1000):
            await response.write(BODY)
            sent += len(BODY)
        return response

    settings = OriginSettings(allow_http=True, allowed_networks=(LOOPBACK,), limit=len(BODY))
    async with site(answer) as port, origin(settings) as web_origin:
        assert f"larger than {len(BODY)} bytes" in await refusal(web_origin, f"http://{NAME}:{port}/")
    assert sent < 100 * len(BODY)


def test_the_limit_is_what_a_pod_takes() -> None:
    assert OriginSettings().limit == ARCHIVE_LIMIT == 250 * 1024 * 1024


@pytest.mark.parametrize("length", ["11", "1000000"])
async def test_an_archive_that_is_shorter_than_told_broke_off(length: str) -> None:
    answer = f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n0123456789".encode()
    async with bytes_site(answer) as port, origin() as web_origin:
        assert "broke off" in await refusal(web_origin, f"http://{NAME}:{port}/")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\n" + b"a: " + b"x" * 20000 + b"\r\n\r\n",
        b"",
    ],
    ids=["not HTTP", "two lengths", "a head without end", "nothing"],
)
async def test_a_host_that_does_not_speak_http_is_told_apart_without_its_words(answer: bytes) -> None:
    async with bytes_site(answer) as port, origin() as web_origin:
        said = await refusal(web_origin, f"http://{NAME}:{port}/")
    assert said.startswith(f"http://{NAME}/: the host does not answer")
    assert "OpenSSH" not in said


async def test_a_closed_port_is_told() -> None:
    async with origin() as web_origin:
        assert "does not answer; check" in await refusal(web_origin, f"http://{NAME}:1/")


async def test_an_archive_that_trickles_ends_with_the_time() -> None:
    settings = OriginSettings(allow_http=True, allowed_networks=(LOOPBACK,), seconds=0.3)
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(10_000)
    async with bytes_site(endless, then=0.005) as port, origin(settings) as web_origin:
        assert "did not come in time" in await refusal(web_origin, f"http://{NAME}:{port}/")


@pytest.mark.parametrize("where", ["name", "head"])
async def test_a_host_that_is_silent_ends_with_the_time(where: str) -> None:
    class Silent(Names):
        async def resolve(self, *_: object) -> list[object]:  # type: ignore[override]  # it never answers
            return await asyncio.Future()

    async def silent(_: web.Request) -> web.Response:
        return await asyncio.Future()

    names = Silent({}) if where == "name" else None
    settings = OriginSettings(allow_http=True, allowed_networks=(LOOPBACK,), seconds=0.2)
    async with site(silent) as port, origin(settings, names) as web_origin:
        assert "did not come in time" in await refusal(web_origin, f"http://{NAME}:{port}/")


async def test_who_stops_reading_ends_the_connection() -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(BODY)
        finally:
            ended.set()

    async with site(endless) as port, origin() as web_origin:
        pieces = web_origin.fetch(f"http://{NAME}:{port}/")
        assert await anext(pieces)
        await pieces.aclose()
        await asyncio.wait_for(ended.wait(), 5)


async def test_an_allowed_network_is_reached_by_its_address_too() -> None:
    settings = OriginSettings(allow_http=True, allowed_networks=(ip_network("127.0.0.1/32"),))
    async with site(archive) as port, origin(settings) as web_origin:
        assert await read(web_origin, f"http://127.0.0.1:{port}/") == BODY
        assert "no public address" in await refusal(web_origin, f"http://127.0.0.2:{port}/")
