"""`funclet version`."""

import platform
import sys
from importlib.metadata import version as version_of


def version() -> None:
    """Show the version of this command and of its Python."""
    sys.stdout.write(f"funclet {version_of('funclet')} (Python {platform.python_version()})\n")
