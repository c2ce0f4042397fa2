"""What the platform's administrator decides about code, from a gateway's environment."""

from collections.abc import Iterator

from yarl import URL

from funclet.gateway.code.addresses import EVERYWHERE, address_of, is_never_reached, may_connect
from funclet.gateway.code.origin import OriginSettings
from funclet.process.settings import GatewaySettings, SettingsError


def origin_settings(settings: GatewaySettings, region: str) -> OriginSettings:
    """`region` is the platform's. Raises SettingsError for what could never be reached."""
    if problems := [*_problems(settings)]:
        raise SettingsError("\n".join(problems))
    return OriginSettings(
        allow_http=settings.code_allow_http,
        allowed_networks=settings.code_allowed_networks,
        s3_endpoint=settings.code_s3_endpoint,
        region=settings.code_s3_region or region,
    )


def _problems(settings: GatewaySettings) -> Iterator[str]:
    for network in settings.code_allowed_networks:
        if is_never_reached(network):
            yield (
                f"FUNCLET_CODE_ALLOWED_NETWORKS: {network} must not be listed: metadata services of clouds and "
                "the like are never reached"
            )
    address = address_of(URL(settings.code_s3_endpoint or "").raw_host or "")
    if address is not None and not may_connect(address, EVERYWHERE):
        yield (
            f"FUNCLET_CODE_S3_ENDPOINT: must not be at {address}: metadata services of clouds and the like are "
            "never reached"
        )
