"""Makes base images from Debian packages, where no registry can be reached: needs root, mmdebstrap and buildah.

Usage: python runtime-images/base.py [--name localhost/funclet-base:1] [--suite bookworm] [--again]
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from tool import ENVIRONMENT, find

#: what a Python image has beyond the essential, and what Node.js links to
_PACKAGES = ("python3", "ca-certificates", "tzdata", "libstdc++6")
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> None:
    """Make the image, unless there is one of that name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="localhost/funclet-base:1")
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--again", action="store_true", help="also where there is one of that name")
    options = parser.parse_args()
    tool = find("buildah")
    if options.again or not tool.has(options.name):
        make(options.name, options.suite)
    print(options.name)


def make(name: str, suite: str) -> None:
    """Make the image."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "root.tar"
        packages = ",".join(_PACKAGES)
        left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
        told = ["--variant=essential", f"--include={packages}", *left_out]
        _run("mmdebstrap", "--quiet", *told, suite, str(archive))
        container = _run("buildah", "from", "scratch")
        try:
            _run("buildah", "add", "--quiet", container, str(archive), "/")
            _run("buildah", "config", "--env", f"PATH={_PATH}", "--cmd", "python3", container)
            _run("buildah", "commit", "--quiet", container, name)
        finally:
            _run("buildah", "rm", container)


def _run(*command: str) -> str:
    return subprocess.run(
        command, check=True, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
