"""What the loop asks of the world beside the Kubernetes API: where code is, and how revisions fare."""

from collections.abc import Mapping
from typing import Protocol

from funclet.api.settings import Code
from funclet.plan import reasons
from funclet.plan.archive import zip_of
from funclet.plan.observed import CodeState, RevisionState
from funclet.plan.routes import Unavailable
from funclet.store.blobs import Blobs


class CodeSource(Protocol):
    """Where code comes from."""

    async def code(self, namespace: str, code: Code) -> CodeState | Unavailable:
        """Make the code ready to be run, and say which it is. Asked again at each look; never raises."""
        ...


class RevisionStates(Protocol):
    """Who runs instances; whatever changes is poked at the reconciler."""

    def revisions(self, namespace: str, function: str) -> Mapping[str, RevisionState]:
        """Tell how all revisions of a Function (by its object's name) fare, by their keys."""
        ...


class NoRevisions:
    """Nothing runs anywhere."""

    def revisions(self, namespace: str, function: str) -> Mapping[str, RevisionState]:  # noqa: ARG002 - the port's
        """Tell of none."""
        return {}


class BlobCode:
    """Code as blobs: inline files are packed into one, an uploaded archive is one already."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    async def code(self, namespace: str, code: Code) -> CodeState | Unavailable:  # noqa: ARG002 - the port's
        """See CodeSource."""
        if code.image is not None:
            message = "spec.code.image: container images do not run here; use code.inline or code.zip"
            return Unavailable(reasons.IMAGE_NOT_SUPPORTED, message)
        try:
            return await (self._inline(code.inline) if code.inline is not None else self._zip(code))
        except OSError as error:
            return Unavailable(reasons.CODE_UNAVAILABLE, f"the blob store failed: {error.strerror}")

    async def _inline(self, files: Mapping[str, str]) -> CodeState | Unavailable:
        return CodeState(await self._blobs.keep(zip_of(files)))

    async def _zip(self, code: Code) -> CodeState | Unavailable:
        archive = code.zip
        blob = archive.blob if archive is not None else None
        if archive is None or blob is None:
            message = (
                "spec.code.zip: only an uploaded archive (blob), or a path in local mode, can be used yet"
            )
            return Unavailable(reasons.NOT_SUPPORTED, message)
        if archive.sha256 not in {None, blob}:
            message = f"spec.code.zip.sha256: {archive.sha256} is not the blob's, {blob}"
            return Unavailable(reasons.CODE_MISMATCH, message)
        if not await self._blobs.has(blob):
            return Unavailable(
                reasons.CODE_NOT_FOUND, f"spec.code.zip.blob: there is no blob {blob}; upload it"
            )
        return CodeState(blob)
