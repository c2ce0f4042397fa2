"""Kinds as people type them."""

from funclet.cli.errors import CliError, Exit
from funclet.local.rest.kinds import KINDS, Kind, find_kind


def kinds_of(words: str) -> tuple[Kind, ...]:
    """The kinds of a list such as `fn,aliases`; `all` is every kind. Raises CliError."""
    if words in {"all", "funclet"}:
        return KINDS
    return tuple(kind_of(word) for word in words.split(","))


def kind_of(word: str) -> Kind:
    """The kind by any of its names. Raises CliError."""
    if found := find_kind(word):
        return found
    known = ", ".join(f"{kind.plural} ({kind.short})" for kind in KINDS)
    raise CliError(f"There is no kind {word!r}; the kinds are {known}.", Exit.USAGE)
