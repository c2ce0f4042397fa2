"""Manifests on disk and the objects in the store: what is new, what changed, what is gone."""

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from funclet.kube.objects import key_of
from funclet.kube.port import KubeError, KubePort, NotFoundError, Object
from funclet.local import packing
from funclet.local.archive import ArchiveError
from funclet.local.collect import Collected, collect
from funclet.local.console import Console
from funclet.local.manifests import (
    SOURCE,
    STDIN,
    Manifest,
    ManifestError,
    manifest_files,
    parse,
    read_text,
    shown,
)
from funclet.plan.plan import Key
from funclet.reconcile.world import KINDS
from funclet.store.blobs import DirectoryBlobs

MANAGER = "funclet-local"
_SETTLE_SECONDS = 0.1
_SETTLE_TRIES = 5
_GONE_STEP_SECONDS = 0.075
_GONE_LOOKS = 4
#: of a problem's place: an edit above moves it, and the problem is the same
_LINE = re.compile(r":\d+(?=: )")


@dataclass(frozen=True, slots=True)
class _File:
    """A manifest file as it was last read; one that is not YAML (any more) keeps the objects that it had.

    Where something in it is no object, nobody knows what that was to be: `problems` keep it from removing any.
    """

    text: str
    manifests: tuple[Manifest, ...]
    problems: tuple[str, ...]


class ManifestSources:
    """Keeps the store in step with the manifests at `paths`. Only what came from a manifest is ever removed."""

    def __init__(
        self,
        paths: tuple[str, ...],
        *,
        kube: KubePort,
        blobs: DirectoryBlobs,
        console: Console,
        on_problems: Callable[[tuple[str, ...]], None] = lambda _: None,
    ) -> None:
        self._paths = paths
        self._kube = kube
        self._blobs = blobs
        self._console = console
        self._on_problems = on_problems
        self._files: dict[str, _File] = {}
        self._owned: dict[Key, str] = {}
        self._unreadable: list[str] = []
        self._told: set[str] = set()
        self._code: dict[Key, Path] = {}
        self._targets: set[Path] = set()
        self._stdin: str | None = None
        #: what cannot be used of what was read last
        self.problems: tuple[str, ...] = ()

    @property
    def further_paths(self) -> set[Path]:
        """The folders and archives whose change means new code, and the files that manifests are links to."""
        return {*self._code.values(), *self._targets}

    async def start(self) -> None:
        """Take over what an earlier run left, then apply the manifests. Raises ManifestError for a wrong path."""
        manifest_files(self._paths)
        for kind in KINDS:
            for item in await self._kube.list(kind):
                if source := item["metadata"].get("annotations", {}).get(SOURCE):
                    self._owned[key_of(item)] = source
        await self.refresh()
        for key in self._of_earlier_runs():
            self._console.warn(
                f"{key.kind} {key.name} is of an earlier run: {shown(self._owned[key])} is not among the paths. It is"
                f" served all the same; `funclet delete fn {key.name}` removes it."
            )

    async def refresh(self) -> None:
        """Read everything again, apply what differs, remove what is gone, tell what is wrong (once)."""
        collected = self._take(await self._settled())
        problems = [*self._unreadable, *collected.problems]
        for key, manifest in sorted(collected.objects.items(), key=lambda item: KINDS.index(item[0].kind)):
            problems += await self._apply(key, manifest)
        if self.problems != (now := tuple(problems)):
            self.problems = now
            self._on_problems(now)
        self._tell(problems, collected.passed_over)
        await self._remove(await self._gone_for_good(self._gone(collected)))

    async def _settled(self) -> dict[str, str]:
        """The texts of all files, once they hold still: an editor may be half-way through one."""
        texts = self._read()
        if not self._files or texts == {source: file.text for source, file in self._files.items()}:
            return texts
        for _ in range(_SETTLE_TRIES):
            await asyncio.sleep(_SETTLE_SECONDS)
            before, texts = texts, self._read()
            if before == texts:
                break
        return texts

    def _read(self) -> dict[str, str]:
        texts: dict[str, str] = {}
        self._unreadable = []
        for path in self._paths:
            try:
                sources = manifest_files([path])
            except (ManifestError, OSError):
                continue  # gone, perhaps for good
            for source in sources:
                try:
                    texts[source] = self._text(source)
                except ManifestError as error:
                    self._unreadable.append(str(error))
                    if source in self._files:
                        texts[source] = self._files[source].text
        return texts

    def _text(self, source: str) -> str:
        if source != STDIN:
            return read_text(source)
        if self._stdin is None:
            self._stdin = read_text(STDIN)
        return self._stdin

    def _take(self, texts: dict[str, str]) -> Collected:
        """Parse the files whose text changed, and sort out what all of them ask for together."""
        files = {source: self._parsed(source, text) for source, text in texts.items()}
        self._files = files
        # A file that is gone for a moment is watched for all the same.
        self._targets |= {Path(each).resolve() for each in files if each != STDIN and Path(each).is_symlink()}
        collected = collect(manifest for file in files.values() for manifest in file.manifests)
        collected.problems[:0] = [problem for file in files.values() for problem in file.problems]
        return collected

    def _parsed(self, source: str, text: str) -> _File:
        old = self._files.get(source)
        if old and old.text == text:
            return old
        parsed = parse(source, text)
        if not parsed.torn:
            return _File(text, parsed.manifests, parsed.problems)
        *others, torn = parsed.problems
        held = f"{torn}; the rest of {shown(source)} waits until this is mended"
        return _File(text, old.manifests if old else (), (*others, held))

    def _tell(self, problems: Iterable[str], passed_over: Iterable[str]) -> None:
        now: set[str] = set()
        for tell, lines in ((self._console.error, problems), (self._console.warn, passed_over)):
            for line in lines:
                what = _LINE.sub("", line, count=1)
                now.add(what)
                if what not in self._told:
                    tell(line)
        self._told = now

    async def _apply(self, key: Key, manifest: Manifest) -> list[str]:
        """Apply one object; returns what is wrong with it."""
        try:
            body = await asyncio.to_thread(self._with_code, key, manifest)
            before = await self._existing(key)
            after = await self._kube.apply(body, manager=MANAGER)
        except ArchiveError as error:
            return [manifest.told(packing.FIELD, str(error))]
        except KubeError as error:
            return [manifest.told(path, message) for path, message in error.causes or (("", str(error)),)]
        except OSError as error:
            return [manifest.told("", f"the state folder cannot be written: {error.strerror}")]
        self._owned[key] = manifest.source
        if before is None:
            self._console.say(f"{key.kind} {key.name} created ({manifest.place})")
        elif before["metadata"].get("generation") != after["metadata"].get("generation"):
            self._console.say(f"{key.kind} {key.name} changed ({manifest.place})")
        return []

    async def _existing(self, key: Key) -> Object | None:
        try:
            return await self._kube.get(key)
        except NotFoundError:
            return None

    def _with_code(self, key: Key, manifest: Manifest) -> Object:
        """The object with its code in the blob store, where it names a path on this machine."""
        metadata = manifest.body["metadata"]
        annotations = {**(metadata.get("annotations") or {}), SOURCE: manifest.source}
        body = {**manifest.body, "metadata": {**metadata, "annotations": annotations}}
        path = packing.code_path(body, manifest.folder)
        if path is None:
            return body
        self._code[key] = path  # first of all: code that is missing is watched for
        packed = packing.pack(body, path)
        self._blobs.put(packed.archive)
        return packed.body

    def _of_earlier_runs(self) -> list[Key]:
        return [
            key for key, source in self._owned.items() if key.kind == "Function" and source not in self._files
        ]

    def _gone(self, collected: Collected) -> list[Key]:
        """What is in the store and was described by a file that no longer does so, or is no more."""
        return [
            key
            for key, source in self._owned.items()
            if key not in collected.described and self._no_longer_describes(source)
        ]

    def _no_longer_describes(self, source: str) -> bool:
        """Whether the source can be trusted to describe nothing else than what was found in it."""
        if source in self._files:
            return not self._files[source].problems
        return source != STDIN and not Path(source).exists()

    async def _gone_for_good(self, keys: list[Key]) -> list[Key]:
        """Those that stay gone: a file that is being replaced is gone, or empty, for a moment, perhaps more than once."""
        for _ in range(_GONE_LOOKS):
            if not keys:
                break
            await asyncio.sleep(_GONE_STEP_SECONDS)
            now = self._gone(self._take(self._read()))
            keys = [key for key in keys if key in now]
        return keys

    async def _remove(self, keys: list[Key]) -> None:
        told: dict[Key, list[str]] = {}
        for key in sorted(keys, key=lambda key: KINDS.index(key.kind), reverse=True):
            self._code.pop(key, None)
            found = await self._existing(key)
            if found is None:
                continue  # went with its owner
            function = Key("Function", key.namespace, str(found["spec"].get("function")))
            if function in keys:
                told.setdefault(function, []).append(f"{key.kind} {key.name}")
            else:
                told.setdefault(key, [])
            await self._delete(key)
        for key in keys:
            source = self._owned.pop(key)
            if key in told:
                others = f", with {', '.join(sorted(told[key]))}" if told[key] else ""
                self._console.say(
                    f"{key.kind} {key.name} removed: {shown(source)} no longer describes it{others}"
                )

    async def _delete(self, key: Key) -> None:
        try:
            await self._kube.delete(key)
        except NotFoundError:
            return
