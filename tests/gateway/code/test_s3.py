"""Objects of an S3 that answers only to correctly signed requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.gateway.code.archives import ArchiveError
from funclet.gateway.code.origin import OriginSettings, WebOrigin
from funclet.gateway.code.s3 import S3Object, S3Signer, SignError
from support.origins import Names, SignedS3, site

KEY, SECRET = "AKIDEXAMPLE", "a secret of the platform"
BODY = b"PK" + bytes(300_000)
WANTED = S3Object("team-code", "greet.zip")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway's own, and nothing else of the machine's."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@asynccontextmanager
async def asking(s3: SignedS3, region: str = "us-east-1") -> AsyncIterator[WebOrigin]:
    """A gateway whose administrator set this S3, on a network that URLs cannot reach."""
    async with site(s3.answer) as port:
        made = WebOrigin(OriginSettings(s3_endpoint=f"http://127.0.0.1:{port}", region=region))
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


@pytest.mark.parametrize(
    "key", ["greet.zip", "a/b/c.zip", "a+b=c&d?e#f.zip", "100%.zip", "%41.zip", "~(x)*'!;:@,$.zip", "a//b"]
)
async def test_an_object_comes_whatever_its_key(key: str) -> None:
    s3 = SignedS3(KEY, SECRET)
    s3.objects["team-code", key] = BODY
    async with asking(s3) as origin:
        assert await read(origin, f"s3://team-code/{key}") == BODY
    assert s3.statuses == [200]


@pytest.mark.parametrize("key", ["../other/greet.zip", "./x", "a/../../other/greet.zip"])
async def test_a_key_cannot_leave_its_bucket(key: str) -> None:
    s3 = SignedS3(KEY, SECRET)
    s3.objects["other", "greet.zip"] = BODY
    async with asking(s3) as origin:
        assert "no such bucket or object" in await refusal(origin, f"s3://team-code/{key}")


async def test_an_object_that_is_not_there_is_told() -> None:
    async with asking(SignedS3(KEY, SECRET)) as origin:
        assert await refusal(origin, "s3://team-code/greet.zip") == (
            "s3://team-code/greet.zip: there is no such bucket or object; correct spec.code.zip.s3"
        )


async def test_wrong_credentials_are_told_without_them() -> None:
    async with asking(SignedS3(KEY, "another secret")) as origin:
        said = await refusal(origin, "s3://team-code/greet.zip")
    assert "does not give it to the gateways" in said
    assert not [word for word in (KEY, SECRET, "127.0.0.1", "Signature") if word in said]


async def test_missing_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    async with asking(SignedS3(KEY, SECRET)) as origin:
        said = await refusal(origin, "s3://team-code/greet.zip")
    assert "cannot sign requests to S3 (NoCredentialsError)" in said


async def test_a_bucket_of_another_region_is_asked_there() -> None:
    s3 = SignedS3(KEY, SECRET, region="eu-central-1")
    s3.objects[WANTED] = BODY
    async with asking(s3) as origin:
        assert await read(origin, "s3://team-code/greet.zip") == BODY
    assert s3.statuses == [400, 200]


async def test_an_address_of_aws_that_leads_inside_is_not_asked() -> None:
    names = Names({"team-code.s3.us-east-1.amazonaws.com": ["10.0.0.1"]})
    origin = WebOrigin(OriginSettings(), resolver=names)
    assert "no public address" in await refusal(origin, "s3://team-code/greet.zip")
    await origin.close()


async def test_the_s3_that_an_administrator_set_is_not_open_to_urls() -> None:
    s3 = SignedS3(KEY, SECRET)
    async with site(s3.answer) as port:
        origin = WebOrigin(OriginSettings(allow_http=True, s3_endpoint=f"http://127.0.0.1:{port}"))
        assert "no public address" in await refusal(origin, f"http://127.0.0.1:{port}/team-code/greet.zip")
        await origin.close()
    assert s3.statuses == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254",
        "http://[::ffff:a9fe:a9fe]",
        "http://[fd00:ec2::254]",
        "http://2852039166",
        "http://metadata.example.com",
    ],
)
async def test_an_s3_that_leads_to_a_metadata_service_is_not_asked(endpoint: str) -> None:
    names = Names({"metadata.example.com": ["169.254.169.254"]})
    origin = WebOrigin(OriginSettings(s3_endpoint=endpoint), resolver=names)
    assert "no public address" in await refusal(origin, "s3://latest/meta-data/iam")
    await origin.close()


async def test_an_s3_of_one_s_own_is_found_by_its_name() -> None:
    s3 = SignedS3(KEY, SECRET)
    s3.objects[WANTED] = BODY
    async with site(s3.answer) as port:
        settings = OriginSettings(s3_endpoint=f"http://store.example.com:{port}")
        origin = WebOrigin(settings, resolver=Names({"store.example.com": ["127.0.0.1"]}))
        assert await read(origin, "s3://team-code/greet.zip") == BODY
        await origin.close()


def test_aws_is_asked_by_the_name_of_the_bucket() -> None:
    signed = urlsplit(S3Signer(None, "eu-west-1").sign(WANTED))
    assert (signed.scheme, signed.netloc) == ("https", "team-code.s3.eu-west-1.amazonaws.com")
    assert signed.path == "/greet.zip"


def test_a_name_that_is_no_region_is_refused() -> None:
    with pytest.raises(SignError):
        S3Signer(None, "evil.example.com/").sign(WANTED)


@given(st.text(max_size=80) | st.from_regex(r"s3://[a-z0-9.-]{0,70}/?[!-~]{0,20}"))
def test_an_address_gives_back_its_bucket_and_key_or_is_none(text: str) -> None:
    found = S3Object.parse(text)
    assert found is None or f"s3://{found.bucket}/{found.key}" == text
