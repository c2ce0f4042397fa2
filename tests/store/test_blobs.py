import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funclet.store.blobs import BlobMismatchError, BlobNotFoundError, DirectoryBlobs

CONTENT = b"PK and so on" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(blobs: DirectoryBlobs, sha256: str) -> bytes:
    return b"".join([chunk async for chunk in blobs.stream(sha256)])


def files(root: Path) -> Iterable[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=100), max_size=5))
def test_what_is_stored_in_chunks_is_read_back_whole(tmp_path: Path, parts: list[bytes]) -> None:
    blobs = DirectoryBlobs(tmp_path)
    sha256 = asyncio.run(blobs.store(chunks(*parts)))
    assert sha256 == hashlib.sha256(b"".join(parts)).hexdigest() == blobs.put(parts)
    assert asyncio.run(read(blobs, sha256)) == b"".join(parts) == blobs.path(sha256).read_bytes()


async def test_bytes_other_than_expected_are_not_kept(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    with pytest.raises(BlobMismatchError):
        await blobs.store(chunks(b"other"), sha256=SHA)
    assert files(tmp_path) == []


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await DirectoryBlobs(tmp_path).store(broken())
    assert files(tmp_path) == []


def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    DirectoryBlobs(tmp_path).put(CONTENT)
    (tmp_path / "partial" / "left").write_bytes(b"half")
    assert DirectoryBlobs(tmp_path).path(SHA).read_bytes() == CONTENT
    assert files(tmp_path) == [f"{SHA[:2]}/{SHA}"]


@pytest.mark.parametrize(
    "damaged", [CONTENT[:-1], b"", CONTENT[:-1] + b"x"], ids=["truncated", "empty", "altered"]
)
async def test_a_damaged_blob_is_never_given_out_and_can_be_stored_again(
    tmp_path: Path, damaged: bytes
) -> None:
    blobs = DirectoryBlobs(tmp_path)
    blobs.put(CONTENT)
    blobs.path(SHA).write_bytes(damaged)
    with pytest.raises(BlobMismatchError, match=SHA):
        await read(blobs, SHA)
    assert not await blobs.has(SHA)
    assert await blobs.keep(CONTENT) == SHA
    blobs.path(SHA).write_bytes(damaged)
    with pytest.raises(BlobMismatchError):
        blobs.path(SHA)
    with pytest.raises(BlobNotFoundError):
        blobs.path(SHA)


@pytest.mark.parametrize("name", ["", "a", "../../etc/passwd", "A" * 64, "a" * 63 + "/", SHA + "\n", SHA])
async def test_a_name_that_is_no_blob_is_not_found(tmp_path: Path, name: str) -> None:
    blobs = DirectoryBlobs(tmp_path)
    assert not await blobs.has(name)
    await blobs.remove(name)
    with pytest.raises(BlobNotFoundError):
        blobs.path(name)
    with pytest.raises(BlobNotFoundError):
        await read(blobs, name)


async def test_a_removed_blob_is_gone(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    await blobs.keep(CONTENT)
    await blobs.remove(SHA)
    assert not await blobs.has(SHA)


async def test_the_same_bytes_stored_at_once_are_one_blob(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    found = await asyncio.gather(*(blobs.store(chunks(CONTENT)) for _ in range(20)))
    assert set(found) == {SHA}
    assert files(tmp_path) == [f"{SHA[:2]}/{SHA}"]
