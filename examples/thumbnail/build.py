"""Build the function's zip: app.py and its dependencies, for the interpreter that runs this script.

.venv/bin/python examples/thumbnail/build.py build/thumbnail.zip
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same sources give the same zip


def install(target: Path) -> None:
    """Put the wheels of requirements.txt there; a file whose hash is not listed is refused."""
    options = ["--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile"]
    quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]
    command = [sys.executable, "-m", "pip", "install", *quiet, *options]
    subprocess.run([*command, "-r", str(FOLDER / "requirements.txt"), "--target", str(target)], check=True)  # noqa: S603  # fixed words


def pack(folder: Path, archive: Path) -> None:
    """Zip all files below the folder, and put the archive in its place once it is whole."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
            entry.external_attr = 0o100644 << 16
            opened.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    partial.replace(archive)


def main() -> None:
    """Build the archive that the first argument names."""
    with tempfile.TemporaryDirectory() as scratch:
        install(Path(scratch))
        (Path(scratch) / "app.py").write_bytes((FOLDER / "app.py").read_bytes())
        pack(Path(scratch), Path(sys.argv[1]).resolve())


if __name__ == "__main__":
    main()
