"""The wall clock, as Kubernetes writes it."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Give the time, in UTC."""
    return datetime.now(UTC)


def timestamp() -> str:
    """Give the time in whole seconds, as metav1.Time is written."""
    return utc_now().strftime("%Y-%m-%dT%H:%M:%SZ")
