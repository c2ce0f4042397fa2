"""A revision: exactly what one instance runs, for life."""

from collections.abc import Mapping
from dataclasses import dataclass

from funclet.api.settings import VersionedSettings
from funclet.plan.accounts import derived_account


@dataclass(frozen=True, slots=True)
class ResolvedRuntime:
    """A runtime name as this platform runs it.

    `digest` is an image digest on a cluster, and on a laptop `local:` and a hash of the interpreter's
    version and Funclet's client. `warning` is set where another version stands in for the named one.
    """

    name: str
    digest: str
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """What planners know of where they run. `runtimes` maps every name that can run here."""

    #: the one account of a laptop; None: each namespace is an account of its own
    account: str | None
    region: str
    runtimes: Mapping[str, ResolvedRuntime]
    #: settings that there is nothing for here, such as "secrets"; a function that asks for one is not served
    without: frozenset[str] = frozenset()
    #: settings that bind nobody here; a function that asks for one is served, and told
    unenforced: frozenset[str] = frozenset()

    def account_of(self, namespace: str) -> str:
        """Give the account that a namespace is, 12 digits."""
        return self.account or derived_account(namespace)


@dataclass(frozen=True, slots=True)
class Revision:
    """Function, version, settings and resolved runtime; equal revisions have equal keys."""

    #: unique among all revisions: OBJECT-VERSION-HASH, a valid object name of at most 63 characters
    key: str
    namespace: str
    #: metadata.name of the Function
    function: str
    #: the name in the Lambda API
    function_name: str
    #: "$LATEST" or a number
    version: str
    settings: VersionedSettings
    #: hex SHA-256 of the code archive
    code_sha256: str
    runtime: ResolvedRuntime
