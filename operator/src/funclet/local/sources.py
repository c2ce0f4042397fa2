"""Manifests on disk and the objects in the store: what is new, what changed, what is gone."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from funclet.kube.objects import key_of
from funclet.kube.port import KubeError, KubePort, NotFoundError, Object
from funclet.local import packing
from funclet.local.archive import ArchiveError
from funclet.local.collect import Collected, collect
from funclet.local.console import Console
from funclet.local.manifests import STDIN, Manifest, ManifestError, manifest_files, parse, read_text
from funclet.plan.plan import Key
from funclet.reconcile.world import KINDS
from funclet.store.blobs import DirectoryBlobs

MANAGER = "funclet-local"
SOURCE = "funclet.dev/source"
_SETTLE_SECONDS = 0.1
_SETTLE_TRIES = 5
_GONE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class _File:
    """A manifest file as it was last read; one that is not YAML (any more) keeps the objects that it had."""

    text: str
    manifests: tuple[Manifest, ...]


class ManifestSources:
    """Keeps the store in step with the manifests at `paths`. Only what came from a manifest is ever removed."""

    def __init__(
        self, paths: tuple[str, ...], *, kube: KubePort, blobs: DirectoryBlobs, console: Console
    ) -> None:
        self._paths = paths
        self._kube = kube
        self._blobs = blobs
        self._console = console
        self._files: dict[str, _File] = {}
        self._owned: dict[Key, str] = {}
        self._told: set[str] = set()
        self._code: dict[Key, Path] = {}
        self._stdin: str | None = None

    @property
    def code_paths(self) -> set[Path]:
        """The folders and archives whose change means new code."""
        return set(self._code.values())

    async def start(self) -> None:
        """Take over what an earlier run left, then apply the manifests. Raises ManifestError for a wrong path."""
        manifest_files(self._paths)
        for kind in KINDS:
            for item in await self._kube.list(kind):
                if source := item["metadata"].get("annotations", {}).get(SOURCE):
                    self._owned[key_of(item)] = source
        await self.refresh()

    async def refresh(self) -> None:
        """Read everything again, apply what differs, remove what is gone, tell what is wrong (once)."""
        collected = self._take(await self._settled())
        problems = [*collected.problems]
        for key, manifest in sorted(collected.objects.items(), key=lambda item: KINDS.index(item[0].kind)):
            problems += await self._apply(key, manifest)
        self._tell(problems, collected.passed_over)
        if self._gone(collected):
            # A file that is being replaced is gone, or empty, for a moment.
            await asyncio.sleep(_GONE_SECONDS)
            await self._remove(self._gone(self._take(self._read())))

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
        for path in self._paths:
            try:
                sources = manifest_files([path])
            except (ManifestError, OSError):
                continue  # gone, perhaps for good
            for source in sources:
                try:
                    texts[source] = self._text(source)
                except ManifestError as error:
                    self._tell([str(error)], [])
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
        errors: list[str] = []
        files: dict[str, _File] = {}
        for source, text in texts.items():
            old = self._files.get(source)
            if old and old.text == text:
                files[source] = old
                continue
            parsed = parse(source, text)
            errors += parsed.problems
            kept = old.manifests if old else ()
            files[source] = _File(text, kept if parsed.problems else parsed.manifests)
        self._files = files
        collected = collect(manifest for file in files.values() for manifest in file.manifests)
        collected.problems[:0] = errors
        return collected

    def _tell(self, problems: list[str], passed_over: list[str]) -> None:
        for problem in problems:
            if problem not in self._told:
                self._console.error(problem)
        for line in passed_over:
            if line not in self._told:
                self._console.warn(line)
        self._told = {*problems, *passed_over}

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

    def _gone(self, collected: Collected) -> list[Key]:
        """What is in the store and was described by a file that no longer does so, or is no more."""
        return [
            key
            for key, source in self._owned.items()
            if key not in collected.described
            and (source in self._files or (source != STDIN and not Path(source).exists()))
        ]

    async def _remove(self, keys: list[Key]) -> None:
        for key in sorted(keys, key=lambda key: KINDS.index(key.kind), reverse=True):
            source = self._owned.pop(key)
            self._code.pop(key, None)
            try:
                await self._kube.delete(key)
            except NotFoundError:
                continue  # went with its owner
            self._console.say(f"{key.kind} {key.name} removed: {source} no longer describes it")
