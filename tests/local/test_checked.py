from pathlib import Path

import pytest

from funclet.api.settings import Code, ZipCode
from funclet.local.checked import CheckedCode
from funclet.plan.observed import CodeState
from funclet.plan.routes import Unavailable
from funclet.reconcile.sources import BlobCode
from funclet.store.blobs import DirectoryBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> DirectoryBlobs:
    return DirectoryBlobs(tmp_path)


async def looked_at(blobs: DirectoryBlobs, code: Code) -> CodeState | Unavailable:
    return await CheckedCode(BlobCode(blobs), blobs).code("default", code)


async def test_a_good_archive_is_ready(blobs: DirectoryBlobs) -> None:
    found = await looked_at(blobs, Code(inline={"app.py": "x"}))
    assert isinstance(found, CodeState)
    assert await looked_at(blobs, Code(zip=ZipCode(blob=found.sha256))) == found


async def test_garbage_is_unavailable_with_the_rule_that_it_breaks(blobs: DirectoryBlobs) -> None:
    found = await looked_at(blobs, Code(zip=ZipCode(blob=blobs.put(b"garbage"))))
    assert isinstance(found, Unavailable)
    assert found.reason == "CodeUnavailable"
    assert found.message.startswith("spec.code: Could not unzip uploaded file.")


async def test_what_its_source_says_is_not_asked_twice(blobs: DirectoryBlobs) -> None:
    found = await looked_at(blobs, Code(zip=ZipCode(blob="0" * 64)))
    assert isinstance(found, Unavailable)
    assert found.reason == "CodeNotFound"
