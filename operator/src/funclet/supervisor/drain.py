"""Whether an instance still takes work, and when it may go. Pure."""

from __future__ import annotations


class Drain:
    """From `retire` on new work is refused; from `begin` on the end is near as well."""

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        self._refusing = False
        self._quiet_until: float | None = None

    @property
    def refusing(self) -> bool:
        """Whether new work is refused."""
        return self._refusing

    @property
    def ending(self) -> bool:
        """Whether the process ends as soon as it may."""
        return self._quiet_until is not None

    def retire(self) -> None:
        """Refuse from now on."""
        self._refusing = True

    def begin(self, now: float) -> bool:
        """Refuse, and end after the quiet period. False if that had begun before."""
        self._refusing = True
        if self._quiet_until is not None:
            return False
        self._quiet_until = now + self._quiet
        return True

    def over(self, now: float, *, working: bool) -> bool:
        """Whether the process may end now."""
        return self._quiet_until is not None and now >= self._quiet_until and not working
