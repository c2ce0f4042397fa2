"""The handler: says where and as whom it runs."""

import os
import sys
from pathlib import Path
from typing import Any


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Answer with the event and what can be seen from here."""
    return {
        "event": event,
        "name": context.function_name,
        "stage": os.environ.get("STAGE"),
        "client": "awslambdaric" in sys.modules,
        "folder": str(Path.cwd()),
        "uid": os.getuid(),
    }
