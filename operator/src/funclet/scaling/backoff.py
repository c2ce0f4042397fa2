"""Back-off after starts of a revision that failed."""

from dataclasses import dataclass

FIRST = 1.0
LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures in a row, and until when nothing is started; times are seconds of one monotonic clock."""

    failures: int = 0
    until: float = 0.0

    def holds(self, now: float) -> bool:
        """Whether to fail at once instead of starting."""
        return self.failures > 0 and now < self.until


NONE = Backoff()


def after_failure(backoff: Backoff, *, now: float, jitter: float) -> Backoff:
    """Return the back-off after one more failure: 1 s, doubled each time up to 60 s, times 0.8 to 1.2.

    `jitter` is uniform in [0, 1). Starts that were under way together fail together: a failure while the
    back-off still holds counts with the one that began it.
    """
    if backoff.holds(now):
        return backoff
    failures = backoff.failures + 1
    # The exponent is bounded before it is used: 2.0 ** 1024 overflows.
    delay = min(LONGEST, FIRST * 2.0 ** min(failures - 1, 10))
    return Backoff(failures, now + delay * (0.8 + 0.4 * jitter))
