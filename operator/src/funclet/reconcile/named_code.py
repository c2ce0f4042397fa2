"""Code on a cluster: the operator names it and never touches it; gateways hand it out."""

import hashlib
import re

from funclet.api.settings import Code, ImageCode, ZipCode
from funclet.plan import reasons
from funclet.plan.archive import zip_of
from funclet.plan.observed import CodeState
from funclet.plan.routes import Unavailable

_DIGEST = re.compile(r"@sha256:([0-9a-f]{64})$")


class NamedCode:
    """A CodeSource that computes what inline files are, and believes the SHA-256 that comes with all else."""

    async def code(self, namespace: str, code: Code) -> CodeState | Unavailable:  # noqa: ARG002 - the port's
        """See CodeSource."""
        if code.inline is not None:
            return CodeState(hashlib.sha256(zip_of(code.inline)).hexdigest())
        if code.image is not None:
            return _image(code.image)
        return _zip(code.zip)


def _image(image: ImageCode) -> CodeState | Unavailable:
    digest = _DIGEST.search(image.ref)
    if digest is not None:
        return CodeState(digest[1])
    message = (
        f"spec.code.image.ref: {image.ref} has no digest, so nobody could say what a version runs; "
        "name it as NAME@sha256:… (docker buildx imagetools inspect NAME tells)"
    )
    return Unavailable(reasons.NOT_SUPPORTED, message)


def _zip(archive: ZipCode | None) -> CodeState | Unavailable:
    if archive is None or (archive.url is None and archive.s3 is None):
        message = (
            "spec.code.zip: a cluster takes an archive by url or s3, with its sha256; path and blob are for "
            "local mode"
        )
        return Unavailable(reasons.NOT_SUPPORTED, message)
    if archive.sha256 is None:
        message = "spec.code.zip.sha256: an archive from elsewhere needs its SHA-256"
        return Unavailable(reasons.CODE_MISMATCH, message)
    return CodeState(archive.sha256)
