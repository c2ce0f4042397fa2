"""The state folder: one owner at a time, and a token for whoever may administer it."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import IO

_TOKEN_BYTES = 32


class StateError(Exception):
    """The state folder cannot be used; the message says what to do."""


class StateFolder:
    """`root` with what lies in it. Held by a lock until `close`."""

    def __init__(self, root: Path) -> None:
        """Make the folder, mode 0700, and lock it. Raises StateError."""
        self.root = root.resolve()
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(self.root / "lock")
            # A run that was killed could not take its own away.
            for name in ("endpoints", "problems"):
                (self.root / name).unlink(missing_ok=True)
        except OSError as error:
            raise StateError(
                f"The state folder {root} cannot be used: {error.strerror}. Choose another with --state."
            ) from error

    @property
    def objects(self) -> Path:
        """Functions, versions, aliases."""
        return self.root / "objects"

    @property
    def blobs(self) -> Path:
        """Code archives by SHA-256."""
        return self.root / "blobs"

    @property
    def code(self) -> Path:
        """Unpacked code by SHA-256."""
        return self.root / "code"

    @property
    def logs(self) -> Path:
        """What functions wrote."""
        return self.root / "logs"

    def token(self) -> str:
        """The bearer token of the administration API, made when first asked for, mode 0600."""
        path = self.root / "admin.token"
        with contextlib.suppress(FileNotFoundError):
            path.chmod(0o600)
            if token := path.read_text().strip():
                return token
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(token + "\n")
        return token

    def is_there(self) -> bool:
        """Whether the folder is still the one that this run holds."""
        try:
            return os.path.samestat(os.fstat(self._lock.fileno()), (self.root / "lock").stat())
        except OSError:
            return False

    def endpoints(self, *, url: str, admin_url: str) -> None:
        """Say where this run listens, for commands that are given only the folder."""
        (self.root / "endpoints").write_text(f"{url}\n{admin_url}\n")

    def tell_problems(self, problems: Iterable[str]) -> None:
        """Say what of the manifests cannot be used, for commands that look for it in vain."""
        with contextlib.suppress(OSError):
            (self.root / "problems").write_text("".join(f"{problem}\n" for problem in problems))

    def close(self) -> None:
        """Let another run use the folder."""
        for name in ("endpoints", "problems"):
            with contextlib.suppress(FileNotFoundError):
                (self.root / name).unlink()
        self._lock.close()


def _lock(path: Path) -> IO[str]:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise StateError(
            f"{path.parent} is in use by process {holder}. Stop that one, or choose another folder with --state."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
