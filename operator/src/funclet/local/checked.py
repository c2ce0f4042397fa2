"""Code that is looked into before anything counts as ready: an archive that no instance would unpack is told at once."""

import asyncio

from funclet.api.settings import Code
from funclet.plan import reasons
from funclet.plan.observed import CodeState
from funclet.plan.routes import Unavailable
from funclet.reconcile.sources import CodeSource
from funclet.store.blobs import BlobNotFoundError, DirectoryBlobs
from funclet.supervisor.unpack import UnpackError, check


class CheckedCode:
    """A CodeSource whose archives keep the rules of the supervisor that unpacks them, as far as their directories tell."""

    def __init__(self, source: CodeSource, blobs: DirectoryBlobs) -> None:
        self._source = source
        self._blobs = blobs
        self._good: set[str] = set()

    async def code(self, namespace: str, code: Code) -> CodeState | Unavailable:
        """See CodeSource."""
        found = await self._source.code(namespace, code)
        if isinstance(found, Unavailable) or found.sha256 in self._good:
            return found
        try:
            await asyncio.to_thread(self._check, found.sha256)
        except (UnpackError, BlobNotFoundError, OSError) as error:
            return Unavailable(reasons.CODE_UNAVAILABLE, f"spec.code: {error}")
        self._good.add(found.sha256)
        return found

    def _check(self, sha256: str) -> None:
        with self._blobs.open(sha256) as archive:
            check(archive)
