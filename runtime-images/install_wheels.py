"""Installs a folder of wheels with the pip that is among them, for an image whose Python has none.

Usage: python install_wheels.py WHEELS FOLDER
"""

import compileall
import py_compile
import subprocess
import sys
from pathlib import Path


def main(wheels: Path, folder: Path) -> None:
    """Install every wheel into `folder`."""
    [pip] = wheels.glob("pip-*.whl")
    others = sorted(str(wheel) for wheel in wheels.glob("*.whl") if wheel != pip)
    subprocess.run(
        [
            sys.executable,
            f"{pip}/pip",
            "install",
            "--no-index",
            "--no-deps",
            "--no-compile",
            "--no-cache-dir",
            "--disable-pip-version-check",
            "--root-user-action=ignore",
            "--target",
            str(folder),
            *others,
        ],
        check=True,
    )
    # Not by the time of the sources, which a build that is to give the same image each time sets back.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(folder, quiet=1, workers=0, invalidation_mode=mode):
        raise SystemExit("not everything could be compiled")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
