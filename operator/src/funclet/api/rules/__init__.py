"""What must hold of a resource beyond its types and bounds, and how all that is wrong with one is told."""

from funclet.api.rules.problems import InvalidObjectError, Problem
from funclet.api.rules.validation import parse, validate

__all__ = ["InvalidObjectError", "Problem", "parse", "validate"]
