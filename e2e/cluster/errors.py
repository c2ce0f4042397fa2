"""What a person is told when a cluster cannot be had."""

from __future__ import annotations


class CannotRun(Exception):  # noqa: N818  # it states a fact about this machine, not a failure of the code
    """Something that this machine lacks; the message names it and says what to do next, in one line."""


class ClusterError(Exception):
    """A program that should have worked did not; the message ends with what it said."""
