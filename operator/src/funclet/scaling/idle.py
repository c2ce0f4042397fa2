"""Which idle instances end now."""

from collections.abc import Sequence


def expired(idle_since: Sequence[float], *, now: float, idle: float, live: int, minimum: int) -> list[int]:
    """Return indices of the instances to end: idle for `idle` seconds or longer, the longest idle first.

    `live` counts all instances of the revision, busy ones too; at least `minimum` of them stay.
    """
    surplus = max(0, live - minimum)
    by_age = sorted(range(len(idle_since)), key=idle_since.__getitem__)
    return [index for index in by_age if now - idle_since[index] >= idle][:surplus]
