"""`python -m release`: Funclet onto the test cluster, and off it."""

from __future__ import annotations

import argparse
import sys

from cluster import providers
from cluster.errors import CannotRun, ClusterError
from cluster.progress import Progress
from release import release
from release.helm import Helm
from release.images import VALUES, load


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 done, 1 it went wrong, 2 bad usage, 3 this machine lacks something."""
    options = _parser().parse_args(arguments)
    try:
        _do(options.command, options.provider)
    except CannotRun as lack:
        print(f"cannot run: {lack}", file=sys.stderr)
        return 3
    except ClusterError as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return 0


def _do(command: str, name: str) -> None:
    provider = providers.choose(name, Progress())
    if command == "load":
        load(provider)
        print(VALUES)
    elif command == "install":
        installed = release.install(provider)
        print(installed.url)
    else:
        print(Helm(provider.kubeconfig)("uninstall", release.NAME, f"--namespace={release.NAMESPACE}"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release", description="Funclet on a test cluster.")
    commands = parser.add_subparsers(dest="command", required=True)
    helps = {
        "load": "load the images; prints the file of values that name them",
        "install": "load the images and install or upgrade the chart; prints the gateway's address",
        "uninstall": "take the release away",
    }
    for name, text in helps.items():
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "--provider", choices=sorted(providers.PROVIDERS), default=providers.default(), help="%(default)s"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
