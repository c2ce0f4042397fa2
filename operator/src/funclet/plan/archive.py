"""Inline code as a zip archive: the same files give the same bytes, on every machine."""

import io
import zipfile
from collections.abc import Mapping

_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100000
_UNIX = 3


def zip_of(files: Mapping[str, str]) -> bytes:
    """Pack these texts by path into an archive.

    Names in order, no times, not compressed (a compressor's version would show in the hash), mode 0644;
    `bootstrap` is what a custom runtime executes, and has 0755.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(_entry(name), files[name].encode())
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system = _UNIX
    mode = 0o755 if name == "bootstrap" else 0o644
    entry.external_attr = (_REGULAR_FILE | mode) << 16
    return entry
