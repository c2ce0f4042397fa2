"""`python -m cluster`: a cluster for tests, up and down."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cluster import binaries, providers
from cluster.errors import CannotRun, ClusterError
from cluster.progress import Progress


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 it went wrong, 2 bad usage, 3 this machine lacks something, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        _do(options)
    except CannotRun as lack:
        print(f"cannot run: {lack}", file=sys.stderr)
        return 3
    except (ClusterError, ValueError, OSError) as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command completes what is missing", file=sys.stderr)
        return 130
    return 0


def _do(options: argparse.Namespace) -> None:
    say = Progress()
    if options.command == "build":
        for recipe in binaries.ALL:
            if recipe.name in (options.programs or [recipe.name]):
                print(binaries.build(recipe, say))
        return
    provider = providers.choose(options.provider, say)
    if options.command == "up":
        provider.up()
    elif options.command == "down":
        provider.down()
    elif options.command == "status":
        print(provider.status())
    elif options.command == "kubeconfig":
        print(provider.kubeconfig)
    else:
        for file in options.files:
            for image in provider.load(file):
                say(f"loaded {file.name}")
                print(image.name, image.by_digest)


def _program(name: str) -> str:
    if name not in {recipe.name for recipe in binaries.ALL}:
        raise argparse.ArgumentTypeError(f"{name} is none that is built here")
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description="A Kubernetes for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    names = ", ".join(recipe.name for recipe in binaries.ALL)
    build = commands.add_parser("build", help="build Kubernetes, CoreDNS and Helm alone (once; minutes)")
    build.add_argument("programs", nargs="*", type=_program, metavar="PROGRAM", help=f"of {names}; all")
    helps = {
        "up": "make the cluster, or what is missing of it",
        "down": "end it and remove all that it left",
        "status": "what runs",
        "kubeconfig": "print the kubeconfig's path",
        "load": "bring images to its nodes; prints NAME:TAG and NAME@DIGEST of each",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "--provider",
            choices=sorted(providers.PROVIDERS),
            default=providers.default(),
            help="host: this machine (root on Linux); kind: in Docker; current: your kubeconfig; "
            f"else ${providers.VARIABLE} (%(default)s)",
        )
        if name == "load":
            command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="an image archive")
    return parser


if __name__ == "__main__":
    sys.exit(main())
