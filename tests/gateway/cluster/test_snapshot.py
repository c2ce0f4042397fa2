"""What a gateway saw last survives it; a file that is spoilt, or a disk that is full, does not stop it."""

import asyncio
import errno
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from funclet.gateway.cluster import snapshot as snapshot_module
from funclet.gateway.cluster.snapshot import Snapshot
from funclet.kube.informer import Informer
from funclet.kube.port import Change, KubePort
from funclet.plan.plan import Key
from funclet.reconcile.world import informer_for
from support.gateway import until
from support.objects import function_manifest, stored

GREET = stored(function_manifest(), resourceVersion="7")
PAY = stored(function_manifest("pay"), resourceVersion="9")


def informer(*objects: dict[str, Any], synced: bool = True) -> Informer:
    made = informer_for(cast("KubePort", None))
    made.begin()
    for each in objects:
        take(made, each)
    if synced:
        made.take(Change("SYNCED", None, None))
    return made


def take(into: Informer, manifest: dict[str, Any]) -> None:
    into.take(Change("ADDED", Key(manifest["kind"], "default", manifest["metadata"]["name"]), manifest))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "snapshot.json"


def content(path: Path) -> bytes:
    return path.read_bytes()


def spoil(path: Path, what: bytes) -> None:
    path.write_bytes(what)


def is_there(path: Path) -> bool:
    return path.exists()


def inode_and_mode(path: Path) -> tuple[int, int]:
    return path.stat().st_ino, path.stat().st_mode & 0o777


class Members:
    """The gateways that live, as one of them sees them."""

    def __init__(self, **peers: str) -> None:
        self.peers: Mapping[str, str] = peers

    def restore(self, peers: Mapping[str, str]) -> None:
        self.peers = peers


def snapshot_of(path: Path, seen: Informer, members: Members | None = None) -> Snapshot:
    return Snapshot(path, seen, members or Members())


async def restored(path: Path) -> list[dict[str, Any]] | None:
    """What another life takes from the file; None where it takes nothing."""
    fresh = informer(synced=False)
    if not await snapshot_of(path, fresh).restore():
        assert fresh.dump() == []
        return None
    assert not fresh.synced.is_set()
    return fresh.dump()


@pytest.mark.parametrize("objects", [(), (GREET,), (GREET, PAY)])
async def test_what_was_written_is_restored(path: Path, objects: tuple[dict[str, Any], ...]) -> None:
    await snapshot_of(path, informer(*objects)).write()
    assert await restored(path) == list(objects)
    assert inode_and_mode(path)[1] == 0o600
    assert isinstance(json.loads(content(path)), dict)


async def test_text_of_any_kind_is_restored(path: Path) -> None:
    odd = {**GREET, "spec": {"text": 'é\u2028"\\\n\x00\ud800'}}
    await snapshot_of(path, informer(odd)).write()
    assert await restored(path) == [odd]


async def test_what_is_known_anew_is_not_overwritten(path: Path) -> None:
    await snapshot_of(path, informer(GREET)).write()
    newer = {**GREET, "metadata": {**GREET["metadata"], "resourceVersion": "8"}}
    fresh = informer(newer)
    assert await snapshot_of(path, fresh).restore()
    assert fresh.dump() == [newer]


@pytest.mark.parametrize(
    "what",
    [
        b"",
        b"\x00" * 100,
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"form": 1}',
        b'{"form": 2, "objects": []}',
        b'{"form": 1, "objects": {}}',
        b'{"form": 1, "objects": [1]}',
        b'{"form": 1, "objects": [{}]}',
        b'{"form": 1, "objects": [{"kind": "Function"}]}',
        b'{"form": 1, "objects": [{"kind": "Function", "metadata": {}}]}',
        b'{"form": 1, "objects": [{"kind": ["Function"], "metadata": {"name": "a"}}]}',
        b'{"form": 1, "objects": [{"kind": "Function", "metadata": {"name": "a", "labels": 1}}]}',
        b'{"form": 1, "objects": [{"kind": "Function", "metadata": {"name": "a", "resourceVersion": "x"}}]}',
        b'{"form": 1, "objects": [{"kind": "Function", "metadata": {"name": 1}}]}',
        b'{"form": 1, "objects": [], "peers": []}',
        b'{"form": 1, "objects": [], "peers": {"b": 1}}',
        b"[" * 100_000,
    ],
)
async def test_a_file_that_is_no_snapshot_is_passed_over(path: Path, what: bytes) -> None:
    spoil(path, what)
    assert await restored(path) is None


async def test_the_gateways_that_lived_last_are_restored(path: Path) -> None:
    members = Members(a="10.0.0.1:1", b="10.0.0.2:1")
    await snapshot_of(path, informer(GREET), members).write()
    later = Members(a="10.0.0.3:1")
    assert await snapshot_of(path, informer(synced=False), later).restore()
    assert later.peers == members.peers


async def test_a_file_of_a_release_that_kept_no_gateways_is_restored(path: Path) -> None:
    spoil(path, json.dumps({"form": 1, "objects": [GREET]}).encode())
    assert await restored(path) == [GREET]


async def test_a_file_that_breaks_off_anywhere_is_passed_over(path: Path) -> None:
    await snapshot_of(path, informer(GREET, PAY)).write()
    whole = content(path)
    for length in range(0, len(whole) - 2, 17):
        spoil(path, whole[:length])
        assert await restored(path) is None


async def test_without_a_file_there_is_nothing_to_restore(path: Path) -> None:
    assert await restored(path) is None


async def test_a_full_disk_leaves_the_last_snapshot_and_is_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = informer(GREET)
    snapshot = snapshot_of(path, seen)
    await snapshot.write()
    take(seen, PAY)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        await snapshot.write()
    assert await restored(path) == [GREET]
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert snapshot._changed
    await snapshot.write()
    assert await restored(path) == [GREET, PAY]


@pytest.mark.parametrize("abandoned", [False, True])
async def test_writes_come_one_after_the_other_and_the_last_one_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, abandoned: bool
) -> None:
    seen = informer(GREET)
    snapshot = snapshot_of(path, seen)
    disk, under_way = threading.Event(), []

    def slow(_: int) -> None:
        under_way.append(path.with_suffix(".partial").read_bytes())
        disk.wait(5)

    monkeypatch.setattr("os.fsync", slow)
    first = asyncio.create_task(snapshot.write())
    await until(lambda: under_way)
    if abandoned:
        # As `keep` is at the end of the process: its thread writes on.
        first.cancel()
    take(seen, PAY)
    second = asyncio.create_task(snapshot.write())
    await asyncio.sleep(0.05)
    assert len(under_way) == 1
    disk.set()
    await asyncio.gather(first, second, return_exceptions=True)
    assert [content.count(b'"kind"') for content in under_way] == [1, 2]
    assert await restored(path) == [GREET, PAY]


async def test_a_folder_that_is_not_there_is_told_and_survived(tmp_path: Path) -> None:
    await snapshot_of(tmp_path / "none" / "snapshot.json", informer(GREET)).write()


async def test_it_is_kept_up_to_date_and_not_written_for_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_module, "_EVERY", 0.01)
    seen = informer()
    keeping = asyncio.create_task(snapshot_of(path, seen).keep())
    await asyncio.sleep(0.05)
    assert not is_there(path)
    take(seen, GREET)
    await until(lambda: is_there(path))
    first = inode_and_mode(path)
    await asyncio.sleep(0.05)
    assert inode_and_mode(path) == first
    keeping.cancel()


async def test_it_is_kept_up_to_date_with_the_gateways(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_module, "_EVERY", 0.01)
    members = Members(a="10.0.0.1:1")
    keeping = asyncio.create_task(snapshot_of(path, informer(), members).keep())
    for peers in ({"a": "10.0.0.1:1", "b": "10.0.0.2:1"}, {"a": "10.0.0.1:1"}):
        members.peers = peers
        await until(lambda: is_there(path) and json.loads(content(path))["peers"] == members.peers)
    first = inode_and_mode(path)
    await asyncio.sleep(0.05)
    assert inode_and_mode(path) == first
    keeping.cancel()


async def test_what_was_restored_is_not_written_before_the_api_server_was_seen(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_module, "_EVERY", 0.01)
    seen = informer(synced=False)
    keeping = asyncio.create_task(snapshot_of(path, seen).keep())
    take(seen, GREET)
    await asyncio.sleep(0.05)
    assert not is_there(path)
    seen.take(Change("SYNCED", None, None))
    await until(lambda: is_there(path))
    keeping.cancel()
