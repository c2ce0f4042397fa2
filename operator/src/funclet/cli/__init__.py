"""The command `funclet`."""

import sys


def main() -> None:
    """Run the command and exit with its status; nothing is imported before it is needed."""
    try:
        from funclet.cli.command import run  # noqa: PLC0415  # so that Ctrl-C while importing is quiet too

        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        status = 130
    raise SystemExit(status)
