"""The flags by which people say whom they mean, and what they say of a gateway: flags, environment, state folder."""

import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

DEFAULT_URL = "http://127.0.0.1:8700"
DEFAULT_STATE = Path(".funclet")
ADMIN_PORT = 8701
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@Parameter(name="*", group="Connection")
@dataclass(frozen=True, kw_only=True)
class Connection:
    """The flags that every verb has which talks to somebody; `target` decides what they mean together."""

    url: Annotated[
        str | None, Parameter(env_var="FUNCLET_URL", help="The gateway, such as http://127.0.0.1:8700.")
    ] = None
    admin_url: Annotated[
        str | None,
        Parameter(
            env_var="FUNCLET_ADMIN_URL", help="Its administration listener [default: its host, port 8701]."
        ),
    ] = None
    token: Annotated[
        str | None,
        Parameter(
            env_var="FUNCLET_TOKEN",
            help="Local mode's administration token, or what a cluster's gateway wants [default: found].",
        ),
    ] = None
    state: Annotated[
        Path, Parameter(env_var="FUNCLET_STATE", help="The state folder of `funclet local`.")
    ] = DEFAULT_STATE
    kubeconfig: Annotated[
        Path | None, Parameter(help="A cluster, by its kubeconfig [default: as kubectl finds it].")
    ] = None
    context: Annotated[
        str | None,
        Parameter(
            env_var="FUNCLET_CONTEXT", help="A cluster, by a context of the kubeconfig [default: its own]."
        ),
    ] = None
    gateway: Annotated[
        str,
        Parameter(
            env_var="FUNCLET_GATEWAY", help="NAMESPACE/SERVICE of a cluster's gateway, where no URL is given."
        ),
    ] = "funclet-system/funclet-gateway"
    namespace: Annotated[
        str | None,
        Parameter(
            name=["--namespace", "-n"], help="The namespace [default: the context's; default in local mode]."
        ),
    ] = None

    def gateway_url(self) -> str:
        """The flag, else where the run of the state folder listens, else the default."""
        return self.url or endpoints(self.state)[0] or DEFAULT_URL

    def administration_url(self) -> str:
        """The flag, else what the state folder says of this gateway, else port 8701 of the gateway's host."""
        gateway, admin = endpoints(self.state)
        if self.admin_url:
            return self.admin_url
        if admin and self.url in {None, gateway}:
            return admin
        parts = urlsplit(self.gateway_url())
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}:{ADMIN_PORT}"

    def bearer(self) -> str | None:
        """The token, if there is one; that of the state folder never leaves this machine."""
        if self.token or not is_here(self.administration_url()):
            return self.token
        path = self.state / "admin.token"
        try:
            if path.stat().st_mode & _OTHERS:
                sys.stderr.write(f"warning: others can read {path}; run `chmod 600 {path}`\n")
            return path.read_text().strip() or None
        except (OSError, UnicodeDecodeError):
            return None


def is_here(url: str) -> bool:
    """Whether what is sent to this URL stays on this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def problems(state: Path, function: str) -> list[str]:
    """What a running `funclet local` could not use of the manifest of a function."""
    try:
        told = (state / "problems").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in told if f" Function {function}: " in line]


def endpoints(state: Path) -> tuple[str | None, str | None]:
    """What a running `funclet local` wrote down: its address and that of its administration."""
    try:
        url, admin_url, *_ = (state / "endpoints").read_text().split("\n")
    except (OSError, ValueError):
        return None, None
    return url or None, admin_url or None
