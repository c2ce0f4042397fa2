"""`funclet operator`."""

import asyncio

from funclet.cli.errors import CliError, Exit


def operator() -> int:
    """Run the operator, as the chart does; all it is told comes from FUNCLET_… variables."""
    from funclet.controllers.operator import serve  # noqa: PLC0415  # only this verb needs the whole machinery
    from funclet.kube.config import NoClusterError  # noqa: PLC0415  # as above
    from funclet.process.settings import OperatorSettings, SettingsError, read_settings  # noqa: PLC0415  # as above

    try:
        asyncio.run(serve(read_settings(OperatorSettings)))
    except (SettingsError, NoClusterError) as error:
        raise CliError(str(error), Exit.USAGE) from error
    return Exit.OK
