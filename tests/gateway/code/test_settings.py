"""What a gateway's environment makes of the places that code may come from."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from funclet.gateway.code.origin import OriginSettings
from funclet.gateway.code.settings import origin_settings
from funclet.process.settings import GatewaySettings, SettingsError

Made = Callable[..., GatewaySettings]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Makes a gateway's settings, of which some are given."""

    def settings(**given: Any) -> GatewaySettings:
        places = dict.fromkeys(("platform", "keys", "cache"), tmp_path)
        base = {"identity": "g", "namespace": "n", "pod_ip": "127.0.0.1"}
        return GatewaySettings.model_validate({**base, **places, **given})

    return settings


def test_without_a_word_nothing_inside_is_reached(made: Made) -> None:
    assert origin_settings(made(), "eu-west-1") == OriginSettings(region="eu-west-1")


def test_all_that_an_administrator_says_is_heeded(made: Made) -> None:
    settings = made(
        code_allow_http=True,
        code_allowed_networks="10.96.0.0/16,fd00:1::/64",
        code_s3_endpoint="http://minio.storage.svc:9000",
        code_s3_region="garage",
    )
    assert origin_settings(settings, "eu-west-1") == OriginSettings(
        allow_http=True,
        allowed_networks=(ip_network("10.96.0.0/16"), ip_network("fd00:1::/64")),
        s3_endpoint="http://minio.storage.svc:9000",
        region="garage",
    )


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "169.0.0.0/8", "fd00::/8", "127.0.0.0/8"])
def test_a_network_with_more_in_it_than_metadata_services_is_taken(made: Made, text: str) -> None:
    settings = made(code_allowed_networks=text)
    assert origin_settings(settings, "x").allowed_networks == (ip_network(text),)


def test_metadata_services_cannot_be_allowed(made: Made) -> None:
    settings = made(
        code_allowed_networks="169.254.169.254/32,10.0.0.0/8,fd00:ec2::/64",
        code_s3_endpoint="http://169.254.169.254",
    )
    with pytest.raises(SettingsError) as refused:
        origin_settings(settings, "x")
    never = "metadata services of clouds and the like are never reached"
    assert str(refused.value).splitlines() == [
        f"FUNCLET_CODE_ALLOWED_NETWORKS: 169.254.169.254/32 must not be listed: {never}",
        f"FUNCLET_CODE_ALLOWED_NETWORKS: fd00:ec2::/64 must not be listed: {never}",
        f"FUNCLET_CODE_S3_ENDPOINT: must not be at 169.254.169.254: {never}",
    ]


@pytest.mark.parametrize("host", ["[fd00:ec2::254]", "[::ffff:169.254.169.254]", "100.100.100.200:80"])
def test_an_s3_is_at_no_metadata_service_however_it_is_written(made: Made, host: str) -> None:
    with pytest.raises(SettingsError, match="FUNCLET_CODE_S3_ENDPOINT: must not be at"):
        origin_settings(made(code_s3_endpoint=f"http://{host}"), "x")


@pytest.mark.parametrize("host", ["minio.storage.svc:9000", "10.0.0.1:9000", "127.0.0.1", "[fd00::1]:9000"])
def test_an_s3_may_be_inside(made: Made, host: str) -> None:
    settings = made(code_s3_endpoint=f"http://{host}")
    assert origin_settings(settings, "x").s3_endpoint == f"http://{host}"
