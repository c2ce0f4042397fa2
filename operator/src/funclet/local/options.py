"""What `funclet local` was asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """The flags of `funclet local`. Port 0 takes any free one; a path of `-` is standard input."""

    paths: tuple[str, ...]
    port: int = 8700
    admin_port: int = 8701
    state: Path = Path(".funclet")
    watch: bool = True
    pass_env: tuple[str, ...] = ()
