import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from funclet.local import sealed
from funclet.local.archive import pack_folder
from funclet.local.code import CodeError, CodeFolders
from funclet.store.blobs import DirectoryBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> DirectoryBlobs:
    return DirectoryBlobs(tmp_path / "state" / "blobs")


@pytest.fixture
def code(tmp_path: Path, blobs: DirectoryBlobs) -> CodeFolders:
    return CodeFolders(blobs, tmp_path / "state" / "code")


@pytest.fixture
def sha256(tmp_path: Path, blobs: DirectoryBlobs) -> str:
    source = tmp_path / "source"
    (source / "pkg").mkdir(parents=True)
    (source / "app.py").write_text("answer = 1")
    (source / "pkg" / "data.txt").write_text("one")
    (source / "run").write_text("#!/bin/sh")
    (source / "run").chmod(0o755)
    return blobs.put(pack_folder(source))


async def test_code_is_read_only_but_for_what_python_compiles(code: CodeFolders, sha256: str) -> None:
    folder = await code.folder(sha256)
    modes = {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes.pop("__pycache__") & 0o700 == 0o700
    assert modes == {"app.py": 0o444, "pkg": 0o555, "pkg/data.txt": 0o444, "run": 0o555}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o555


async def test_it_is_unpacked_once_whoever_asks(code: CodeFolders, sha256: str) -> None:
    folders = await asyncio.gather(*(code.folder(sha256) for _ in range(5)))
    (folders[0] / "__pycache__" / "app.pyc").write_text("compiled")
    before = (folders[0] / "app.py").stat().st_ino
    assert (await code.folder(sha256) / "app.py").stat().st_ino == before
    assert len(set(folders)) == 1


def _write(folder: Path) -> None:
    _opened(folder / "app.py").write_text("answer = 2")


def _write_and_hide_it(folder: Path) -> None:
    before = (folder / "app.py").stat()
    _write(folder)
    os.utime(folder / "app.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    (folder / "app.py").chmod(0o444)


def _add(folder: Path) -> None:
    (_opened(folder) / "json.py").write_text("shadow = True")


def _remove(folder: Path) -> None:
    (_opened(folder / "pkg") / "data.txt").unlink()


def _remove_all(folder: Path) -> None:
    sealed.remove(folder)


def _opened(path: Path) -> Path:
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("change", [_write, _write_and_hide_it, _add, _remove, _remove_all])
async def test_what_was_changed_is_unpacked_anew(
    code: CodeFolders, sha256: str, change: Callable[[Path], None]
) -> None:
    folder = await code.folder(sha256)
    change(folder)
    assert await code.folder(sha256) == folder
    assert (folder / "app.py").read_text() == "answer = 1"
    assert (folder / "pkg" / "data.txt").read_text() == "one"
    assert not (folder / "json.py").exists()


async def test_an_instance_keeps_the_folder_that_it_runs_in(code: CodeFolders, sha256: str) -> None:
    folder = await code.folder(sha256)
    running = os.open(folder, os.O_PATH)
    _write(folder)
    await code.folder(sha256)
    os.close(os.open("pkg/data.txt", os.O_RDONLY, dir_fd=running))
    os.close(running)


async def test_what_an_earlier_run_left_is_not_trusted(
    code: CodeFolders, sha256: str, blobs: DirectoryBlobs, tmp_path: Path
) -> None:
    _write(await code.folder(sha256))
    again = CodeFolders(blobs, tmp_path / "state" / "code")
    assert (await again.folder(sha256) / "app.py").read_text() == "answer = 1"


async def test_nothing_is_left_of_it_at_the_end(code: CodeFolders, sha256: str, tmp_path: Path) -> None:
    await code.folder(sha256)
    code.close()
    assert not (tmp_path / "state" / "code").exists()


async def test_code_that_cannot_be_had_is_told_each_time(code: CodeFolders, blobs: DirectoryBlobs) -> None:
    garbage = blobs.put(b"no archive")
    for _ in range(2):
        with pytest.raises(CodeError, match="Could not unzip uploaded file"):
            await code.folder(garbage)
    with pytest.raises(CodeError, match="there is no blob 0000"):
        await code.folder("0" * 64)


async def test_a_state_folder_that_was_removed_is_told(
    code: CodeFolders, sha256: str, tmp_path: Path
) -> None:
    await code.folder(sha256)
    sealed.remove(tmp_path / "state")
    with pytest.raises(CodeError, match=r"the state folder .*/state was removed; start funclet local anew"):
        await code.folder(sha256)
    assert not (tmp_path / "state").exists()
