"""Local mode, or any gateway's administration listener that serves objects."""

from collections.abc import Iterator

from funclet.cli.errors import CliError, Exit
from funclet.cli.http import Answer, Server
from funclet.cli.rest import RestCluster
from funclet.local.rest.kinds import BY_KIND

_UPLOAD_SECONDS = 600.0


class LocalCluster(RestCluster):
    """What local mode's API has beyond Kubernetes': logs by function, and code by its hash."""

    keeps_code = True

    def __init__(self, server: Server, namespace: str, *, had_token: bool) -> None:
        super().__init__(server, namespace)
        self._had_token = had_token

    def logs(
        self, function: str, *, versions: frozenset[str], tail: int | None, follow: bool
    ) -> Iterator[bytes]:
        """See Cluster."""
        query = {
            "version": ",".join(sorted(versions)) or None,
            "tail": None if tail is None else str(tail),
            "follow": "true" if follow else None,
        }
        path = f"{self._path(BY_KIND['Function'], function)}/log"
        for line in self._server.lines(path, query=query):
            if isinstance(line, Answer):
                raise self.refusal(line)
            yield line

    def upload(self, sha256: str, archive: bytes) -> None:
        """See Cluster."""
        path = f"/blobs/{sha256}"
        if self._server.ask("HEAD", path).status == 200:  # noqa: PLR2004  # HTTP's OK
            return
        headers = {"Content-Type": "application/zip"}
        self._json(self._server.ask("PUT", path, headers=headers, body=archive, seconds=_UPLOAD_SECONDS))

    def refusal(self, answer: Answer) -> CliError:
        """See RestCluster."""
        if answer.status == 401:  # noqa: PLR2004  # HTTP's Unauthorized
            return CliError(self._no_token(), Exit.REFUSED)
        return super().refusal(answer)

    def _stranger(self, answer: Answer) -> CliError:
        return CliError(
            f"{self._server.url} answered {answer.status}, and not as a gateway does. Is FUNCLET_ADMIN_URL right?"
            " For a cluster give --context.",
            Exit.REFUSED,
        )

    def _no_token(self) -> str:
        which = "does not take this token" if self._had_token else "wants a token"
        return (
            f"{self._server.url} {which}. Run the command where `funclet local` runs,"
            " give its state folder with --state, or set FUNCLET_TOKEN."
        )
