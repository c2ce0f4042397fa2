"""`funclet gateway`."""

from funclet.cli.errors import CliError, Exit


def gateway() -> int:
    """Run a gateway, as the chart does; all it is told comes from FUNCLET_… variables."""
    import uvloop  # noqa: PLC0415  # only this verb needs the whole machinery

    from funclet.gateway.cluster.process import serve  # noqa: PLC0415  # as above
    from funclet.kube.config import NoClusterError  # noqa: PLC0415  # as above
    from funclet.process.settings import GatewaySettings, SettingsError, read_settings  # noqa: PLC0415  # as above

    try:
        uvloop.run(serve(read_settings(GatewaySettings)))
    except (SettingsError, NoClusterError) as error:
        raise CliError(str(error), Exit.USAGE) from error
    return Exit.OK
