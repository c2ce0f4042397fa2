"""Whom a command speaks with: a gateway that is named, local mode, or a cluster.

The order is: a cluster that is named; a gateway that is named; local mode, wherever there is a sign of it; and only then
the cluster that kubectl would use. So nobody who works with local mode changes a cluster by accident: not in a folder
where `funclet local` ran, though it may have ended, and not beside one that runs elsewhere on this machine.
"""

import os
import socket
import textwrap
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from funclet.cli.connection import ADMIN_PORT, DEFAULT_STATE, Connection, endpoints
from funclet.cli.errors import CliError, Exit
from funclet.kube.config import NoClusterError, Source, choose

#: all that there is in local mode
NAMESPACE = "default"
ONE_NAMESPACE = f"local mode has one namespace, {NAMESPACE}"
_LISTENING_SECONDS = 0.5
_START = "with `funclet local PATH`"
_ELSE = "For a cluster give --context."


@dataclass(frozen=True, slots=True)
class OneGateway:
    """Local mode, or a gateway that is named; `hint` says what to do where it does not answer."""

    hint: str


@dataclass(frozen=True, slots=True)
class OneCluster:
    """A cluster; `named` says whether a flag or FUNCLET_CONTEXT asks for one."""

    source: Source
    named: bool


Target = OneGateway | OneCluster


def find_target(connection: Connection) -> Target:
    """Decide by the flags, this folder, this machine and the environment. Raises CliError."""
    target = decide(connection, os.environ, _local_mode_listens)
    if isinstance(target, OneGateway) and connection.namespace not in {None, NAMESPACE}:
        raise CliError(f"--namespace {connection.namespace}: {ONE_NAMESPACE}. {_ELSE}", Exit.USAGE)
    return target


def decide(connection: Connection, environ: Mapping[str, str], listens: Callable[[], bool]) -> Target:
    """Decide; `listens` tells whether something holds the port of local mode's administration. Raises CliError."""
    if connection.kubeconfig is not None or connection.context is not None:
        try:
            return OneCluster(choose(connection.kubeconfig, connection.context, environ), named=True)
        except NoClusterError as error:
            raise CliError(f"{_sentence(error)}.", Exit.USAGE) from error
    local = _meant_gateway(connection, listens)
    if local is not None:
        return local
    try:
        return OneCluster(choose(None, None, environ), named=False)
    except NoClusterError as error:
        raise CliError(_nothing(connection, error), Exit.UNREACHABLE) from error


def _meant_gateway(connection: Connection, listens: Callable[[], bool]) -> OneGateway | None:
    state = connection.state
    if connection.url or connection.admin_url:
        return OneGateway(f"Start one {_START}, or set FUNCLET_URL. {_ELSE}")
    if endpoints(state) != (None, None):
        return OneGateway(f"{state} says that local mode runs there; start it anew {_START}. {_ELSE}")
    if state != DEFAULT_STATE or state.exists():
        return OneGateway(f"{state} means local mode, and none runs there; start it {_START}. {_ELSE}")
    return OneGateway(f"Start one {_START}, or set FUNCLET_URL. {_ELSE}") if listens() else None


def _nothing(connection: Connection, error: NoClusterError) -> str:
    looked = (
        "  a gateway:   no --url, no FUNCLET_URL",
        f"  local mode:  no state folder {connection.state} here, nothing at 127.0.0.1:{ADMIN_PORT}",
        *textwrap.wrap(
            f"  a cluster:   {error}",
            80,
            subsequent_indent=15 * " ",
            break_long_words=False,
            break_on_hyphens=False,
        ),
    )
    end = f"Start local mode {_START}, or name a cluster with --context."
    return "\n".join(("Nobody to speak with. Looked for", *looked, end))


def _sentence(error: NoClusterError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]


def _local_mode_listens() -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", ADMIN_PORT), _LISTENING_SECONDS):
        return True
    return False
