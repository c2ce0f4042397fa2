import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from funclet.local.archive import ArchiveError, pack_folder
from funclet.local.packing import code_path, pack
from support.rest import function


def with_zip(**archive: Any) -> dict[str, Any]:
    return function(code={"zip": archive})


@pytest.mark.parametrize("body", [function(), function(code={"image": {"ref": "x"}}), {"spec": {}}])
def test_a_manifest_without_a_path_has_no_code_here(body: dict[str, Any]) -> None:
    assert code_path(body, Path("/x")) is None


@pytest.mark.parametrize(
    ("path", "found"), [("src", "/x/y/src"), ("../a.zip", "/x/a.zip"), ("/z/a.zip", "/z/a.zip")]
)
def test_a_path_is_relative_to_the_manifest(path: str, found: str) -> None:
    assert code_path(with_zip(path=path), Path("/x/y")) == Path(found)


def test_packed_code_is_named_by_its_hash_and_the_manifest_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x")
    body = with_zip(path=".")
    packed = pack(body, tmp_path)
    assert packed.sha256 == hashlib.sha256(packed.archive).hexdigest()
    assert packed.body["spec"]["code"] == {"zip": {"blob": packed.sha256, "sha256": packed.sha256}}
    assert packed.body["spec"]["handler"] == body["spec"]["handler"]
    assert body == with_zip(path=".")
    assert zipfile.ZipFile(io.BytesIO(packed.archive)).namelist() == ["app.py"]


def test_an_archive_is_taken_byte_for_byte_and_its_hash_compared(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x")
    content = pack_folder(tmp_path)
    (tmp_path / "a.zip").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    assert pack(with_zip(path="a.zip", sha256=digest), tmp_path / "a.zip").archive == content
    with pytest.raises(ArchiveError, match=f"a.zip has SHA-256 {digest}, and the manifest says 0000"):
        pack(with_zip(path="a.zip", sha256="0" * 64), tmp_path / "a.zip")


def test_what_no_instance_would_unpack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"garbage")
    with pytest.raises(ArchiveError, match=r"^a\.zip: Could not unzip uploaded file\."):
        pack(with_zip(path="a.zip"), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../app.py", "x")
    with pytest.raises(ArchiveError, match=r"'\.\./app\.py' has a name that is not allowed"):
        pack(with_zip(path="a.zip"), tmp_path / "a.zip")


def test_code_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"missing: No such file"):
        pack(with_zip(path="missing"), tmp_path / "missing")
