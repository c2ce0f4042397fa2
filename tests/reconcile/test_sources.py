from pathlib import Path
from typing import Any

import pytest

from funclet.api.settings import Code
from funclet.plan import reasons
from funclet.plan.archive import zip_of
from funclet.plan.observed import CodeState
from funclet.plan.routes import Unavailable
from funclet.reconcile.sources import BlobCode
from funclet.store.blobs import DirectoryBlobs

MISSING = "b" * 64


async def code(tmp_path: Path, **code: Any) -> CodeState | Unavailable:
    return await BlobCode(DirectoryBlobs(tmp_path)).code("default", Code.model_validate(code))


async def test_inline_files_become_a_blob(tmp_path: Path) -> None:
    found = await code(tmp_path, inline={"app.py": "x"})
    assert isinstance(found, CodeState)
    assert DirectoryBlobs(tmp_path).path(found.sha256).read_bytes() == zip_of({"app.py": "x"})


async def test_an_uploaded_archive_is_found(tmp_path: Path) -> None:
    sha256 = DirectoryBlobs(tmp_path).put(b"an archive")
    assert await code(tmp_path, zip={"blob": sha256, "sha256": sha256}) == CodeState(sha256)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"zip": {"blob": MISSING, "sha256": MISSING}}, reasons.CODE_NOT_FOUND),
        ({"zip": {"blob": MISSING, "sha256": "c" * 64}}, reasons.CODE_MISMATCH),
        ({"zip": {"url": "https://example.com/a.zip", "sha256": MISSING}}, reasons.NOT_SUPPORTED),
        ({"image": {"ref": "registry/name:tag"}}, reasons.IMAGE_NOT_SUPPORTED),
    ],
)
async def test_code_that_is_not_here_has_a_reason(tmp_path: Path, given: dict[str, Any], reason: str) -> None:
    found = await code(tmp_path, **given)
    assert isinstance(found, Unavailable)
    assert found.reason == reason


async def test_a_blob_store_that_fails_is_a_reason_too(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path)
    (tmp_path / "partial").rmdir()
    found = await BlobCode(blobs).code("default", Code(inline={"app.py": "x"}))
    assert found == Unavailable(reasons.CODE_UNAVAILABLE, "the blob store failed: No such file or directory")
