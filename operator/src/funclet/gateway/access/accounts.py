"""Namespaces as AWS accounts."""

from collections.abc import Iterable

from funclet.plan.revision import Platform


class Accounts:
    """Which namespace an account is; on a laptop there is one of each."""

    def __init__(self, platform: Platform, default_namespace: str) -> None:
        self._platform = platform
        self._default = default_namespace
        self._namespaces: dict[str, str] = {}
        self.know(())

    def know(self, namespaces: Iterable[str]) -> None:
        """Take the namespaces that have functions; the default one is always known."""
        self._namespaces = {self.account_of(each): each for each in (*namespaces, self._default)}

    def knows(self, namespace: str) -> bool:
        """Whether a namespace is among those that have functions."""
        return self._namespaces.get(self.account_of(namespace)) == namespace

    def account_of(self, namespace: str) -> str:
        """Give the account that a namespace is."""
        return self._platform.account_of(namespace)

    def namespace_of(self, account: str | None) -> str | None:
        """Give the namespace of an account; the default one where none is named, None where it is nobody's."""
        return self._default if account is None else self._namespaces.get(account)
