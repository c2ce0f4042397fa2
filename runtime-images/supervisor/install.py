"""Copies the bundle that this is part of into a folder: what an init container does for an image of a user.

Usage: /funclet/bin/install FOLDER, which will be /funclet in the other container.
"""

import os
import sys

_PIECE = 1 << 24


def main(arguments: list[str]) -> int:
    """Copy. Returns the exit status."""
    if len(arguments) != 1 or not os.path.isdir(arguments[0]):  # noqa: PTH112 - pathlib takes longer than the copying
        sys.stderr.write("usage: install FOLDER, which must be there\n")
        return 2
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - as above
    for path, folders, files in os.walk(source):
        target = os.path.join(arguments[0], os.path.relpath(path, source))  # noqa: PTH118 - as above
        for folder in folders:
            os.makedirs(os.path.join(target, folder), exist_ok=True)  # noqa: PTH103, PTH118 - as above
        for file in files:
            _copy(os.path.join(path, file), os.path.join(target, file))  # noqa: PTH118 - as above
    return 0


def _copy(source: str, target: str) -> None:
    """Write beside and rename, so that a container which is started again finds each file whole."""
    made = f"{target}.new"
    with open(source, "rb", 0) as original, open(made, "wb", 0) as copy:  # noqa: PTH123 - as above
        while os.sendfile(copy.fileno(), original.fileno(), None, _PIECE):
            pass
        os.fchmod(copy.fileno(), os.fstat(original.fileno()).st_mode & 0o777)
    os.replace(made, target)  # noqa: PTH105 - as above


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
