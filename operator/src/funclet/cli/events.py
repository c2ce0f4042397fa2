"""Kubernetes' Events, however whoever recorded them says when. Pure."""

from collections.abc import Mapping
from typing import Any


def last_seen(event: Mapping[str, Any]) -> str:
    """When it happened last (RFC 3339); empty where it does not say."""
    series = event.get("series") or {}
    told = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("metadata", {}).get("creationTimestamp"),
    )
    return str(next(filter(None, told), ""))


def times(event: Mapping[str, Any]) -> int:
    """How often it happened."""
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)
