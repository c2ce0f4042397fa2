"""`funclet local`."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from funclet.cli.errors import CliError, Exit

_HIGHEST_PORT = 65535


def local(
    *paths: Annotated[
        str, Parameter(help="Manifests, folders of them, or - for standard input.", allow_leading_hyphen=True)
    ],
    port: Annotated[int, Parameter(help="Port of the Lambda API on 127.0.0.1; 0: any free one.")] = 8700,
    admin_port: Annotated[int, Parameter(help="Port of metrics and administration; 0: any free one.")] = 8701,
    state: Annotated[
        Path, Parameter(env_var="FUNCLET_STATE", help="Folder for versions, code and logs.")
    ] = Path(".funclet"),
    watch: Annotated[bool, Parameter(help="Take up changed files.")] = True,
    pass_env: Annotated[
        tuple[str, ...],
        Parameter(negative=(), help="A variable of this shell that functions may see; repeatable."),
    ] = (),
) -> int:
    """Run functions on this machine, from manifests."""
    if not paths:
        raise CliError(
            "Say what to run: `funclet local PATH…`, such as `funclet local examples`.", Exit.USAGE
        )
    _check(paths, {"--port": port, "--admin-port": admin_port}, pass_env)
    from funclet.local.main import run  # noqa: PLC0415  # only this verb needs the whole machinery
    from funclet.local.options import LocalOptions  # noqa: PLC0415  # as above

    return run(LocalOptions(paths, port, admin_port, state, watch, pass_env))


def _check(paths: Iterable[str], ports: Mapping[str, int], variables: Iterable[str]) -> None:
    """Refuse what cannot be meant, before anything is made. Raises CliError."""
    for path in paths:
        # A path may be `-`, so what begins like an option comes here too.
        if path.startswith("-") and path != "-":
            raise CliError(f"There is no option {path}; a file of that name is ./{path}.", Exit.USAGE)
    for flag, port in ports.items():
        if not 0 <= port <= _HIGHEST_PORT:
            raise CliError(f"{flag} {port}: a port is a number from 0 to {_HIGHEST_PORT}.", Exit.USAGE)
    for name in variables:
        if "=" in name or not name:
            raise CliError(
                f"--pass-env {name}: give the name alone; its value is that of this shell.", Exit.USAGE
            )
