"""What is wrong with a supervisor's settings."""

from __future__ import annotations


class SettingsError(Exception):
    """The settings cannot be used; the message names the key and says what it must be."""
