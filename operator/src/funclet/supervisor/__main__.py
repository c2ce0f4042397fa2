"""Entry point of `python -I -S PATH/funclet/supervisor --settings FILE`."""

import os
import sys

# This folder would shadow modules of the standard library; the package's root goes last for the same reason.
sys.path[:] = [*sys.path[1:], os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))]  # noqa: PTH100, PTH120 - pathlib costs milliseconds of a cold start

from funclet.supervisor.main import main  # noqa: E402 - the path comes first

sys.exit(main(sys.argv[1:]))
