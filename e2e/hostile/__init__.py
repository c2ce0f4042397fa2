"""A function that does its worst, for tests of what it meets."""
