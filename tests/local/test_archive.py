import os
import zipfile
from pathlib import Path

import pytest

from funclet.local.archive import ArchiveError, pack_folder, read_code


def tree(folder: Path) -> Path:
    (folder / "pkg/__pycache__").mkdir(parents=True)
    (folder / "app.py").write_text("1")
    (folder / "bootstrap").write_text("#!/bin/sh")
    (folder / "bootstrap").chmod(0o755)
    (folder / "pkg/m.py").write_text("2")
    (folder / "pkg/__pycache__/m.pyc").write_bytes(b"x")
    return folder


def test_the_same_files_give_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    first = pack_folder(tree(tmp_path / "a"))
    second = tree(tmp_path / "b")
    os.utime(second / "app.py", (1, 1))
    assert pack_folder(second) == first


def test_it_holds_files_with_their_executable_bit_and_leaves_caches_out(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(pack_folder(tree(tmp_path / "a")))
    with zipfile.ZipFile(tmp_path / "code.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes == {"app.py": 0o644, "bootstrap": 0o755, "pkg/m.py": 0o644}


def test_an_archive_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(b"PK")
    assert read_code(tmp_path / "code.zip") == b"PK"


def test_code_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"missing\.zip: No such file"):
        read_code(tmp_path / "missing.zip")
