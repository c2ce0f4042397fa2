"""Builds Funclet's images and writes each to an archive; prints their names and digests.

What is fetched is fetched here, from the locked lists, and copied into the builds, which need no network.

Usage: python runtime-images/build.py --tag 0.1.0 --output build/images/archives [--base IMAGE] [--only NAME ...]
"""

import argparse
import ensurepip
import json
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tool import Tool, find

REPOSITORY = Path(__file__).resolve().parents[1]
STAGED = REPOSITORY / "build" / "images"
_IMAGES = Path("runtime-images")
#: the newest C library that a wheel may ask for, first
_MANYLINUX = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1")  # fmt: skip


@dataclass(frozen=True)
class Image:
    """One image: where its Dockerfile is, and whose supervisor it holds."""

    dockerfile: Path
    #: whether it is put together from the supervisor image
    on_supervisor: bool = True
    #: which of the bases it begins with
    base: str = "base"


#: in the order in which they are built
IMAGES = {
    "funclet": Image(Path("operator/Dockerfile"), on_supervisor=False),
    "funclet-supervisor": Image(_IMAGES / "supervisor/Dockerfile", on_supervisor=False),
    "funclet-python": Image(_IMAGES / "python/Dockerfile"),
    "funclet-node": Image(_IMAGES / "node/Dockerfile", base="node_base"),
    "funclet-provided": Image(_IMAGES / "provided/Dockerfile", base="provided_base"),
}


@dataclass
class Options:
    """What the command line says."""

    tag: str = "latest"
    prefix: str = "localhost/"
    output: Path = STAGED / "archives"
    tool: str | None = None
    base: str | None = None
    node_base: str | None = None
    provided_base: str | None = None
    node: Path | None = None
    only: list[str] = field(default_factory=list)

    def name(self, image: str) -> str:
        """An image's whole name."""
        return f"{self.prefix}{image}:{self.tag}"


def main() -> None:
    """Build what is asked for."""
    options = _options()
    tool = find(options.tool)
    wanted = [name for name in IMAGES if not options.only or name in options.only]
    needs_supervisor = any(IMAGES[name].on_supervisor for name in wanted)
    if (
        needs_supervisor
        and "funclet-supervisor" not in wanted
        and not tool.has(options.name("funclet-supervisor"))
    ):
        wanted.insert(0, "funclet-supervisor")
    options.output.mkdir(parents=True, exist_ok=True)
    built = {}
    for name in wanted:
        _stage(name, tool, options)
        _build(name, tool, options)
        archive = options.output / f"{name}.tar"
        tool.save(options.name(name), archive)
        built[name] = {
            "image": options.name(name),
            "digest": tool.identity(options.name(name)),
            "archive": str(archive),
            "bytes": archive.stat().st_size,
            **_language(name, tool, options),
        }
        print(json.dumps(built[name]), flush=True)
    told = options.output / "images.json"
    known = json.loads(told.read_text()) if told.exists() else {}
    told.write_text(json.dumps(known | built, indent=2) + "\n")


def _options() -> Options:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--prefix", default="localhost/", help="what the images' names begin with")
    parser.add_argument("--output", type=Path, default=STAGED / "archives")
    parser.add_argument("--tool", choices=["buildah", "docker"])
    parser.add_argument("--base", help="an image with python3; else each Dockerfile's own")
    parser.add_argument(
        "--node-base", help="an image with node; with --node: any with a C++ library; else --base"
    )
    parser.add_argument("--provided-base", help="any image; else --base")
    parser.add_argument("--node", type=Path, help="a node executable to lay into the Node.js image")
    parser.add_argument("--only", action="append", default=[], choices=list(IMAGES))
    return Options(**vars(parser.parse_args()))


def _build(name: str, tool: Tool, options: Options) -> None:
    image = IMAGES[name]
    arguments = {}
    base = getattr(options, image.base) or options.base
    if base:
        arguments["BASE"] = base
    if image.on_supervisor:
        arguments["SUPERVISOR"] = options.name("funclet-supervisor")
    tool.build(REPOSITORY / image.dockerfile, REPOSITORY, options.name(name), arguments)


def _language(name: str, tool: Tool, options: Options) -> dict[str, str]:
    """What functions may name the image by: the version that is in it, not the one that should be."""
    if name != "funclet-python":
        return {}
    return {"runtime": f"python{tool.python_version(options.name(name))}"}


def _stage(name: str, tool: Tool, options: Options) -> None:
    """Lay out what the build copies and the repository does not hold."""
    if name == "funclet":
        version = tool.python_version(options.base or _default_base(IMAGES[name].dockerfile))
        stage_wheels(STAGED / "wheels", version)
    elif name == "funclet-node":
        folder = STAGED / "node"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "bin").mkdir(parents=True)
        if options.node is not None:
            shutil.copy2(options.node, folder / "bin" / "node")


def _default_base(dockerfile: Path) -> str:
    for line in (REPOSITORY / dockerfile).read_text().splitlines():
        if line.startswith("ARG BASE="):
            return line.removeprefix("ARG BASE=")
    raise SystemExit(f"{dockerfile} has no ARG BASE")


def stage_wheels(folder: Path, version: str) -> None:
    """Fetch the locked wheels for Linux on this machine's processor and a version of Python such as `3.13`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    machine = platform.machine()
    platforms = [part for name in _MANYLINUX for part in ("--platform", f"{name}_{machine}")]
    target = ["--only-binary", ":all:", "--python-version", version, "--implementation", "cp", *platforms]
    locked = ["--no-deps", "--require-hashes", "--requirement", str(REPOSITORY / "requirements" / "run.txt")]
    _pip("download", "--dest", str(folder), *target, *locked)
    _pip("wheel", "--wheel-dir", str(folder), "--no-deps", "--no-build-isolation", str(REPOSITORY))
    shutil.copy(_own_pip(), folder)
    shutil.copyfile(REPOSITORY / _IMAGES / "install_wheels.py", folder / "install.py")


def _own_pip() -> Path:
    """The wheel of pip that this Python brings along."""
    for folder in (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")):
        for wheel in sorted(folder.glob("pip-*.whl")):
            return wheel
    raise SystemExit("this Python has no wheel of pip: install its ensurepip")


def _pip(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True
    )


if __name__ == "__main__":
    main()
