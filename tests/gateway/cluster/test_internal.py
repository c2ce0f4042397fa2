"""Whom the internal listener takes for a gateway."""

from typing import TYPE_CHECKING, cast

import pytest
from aiohttp import web

from funclet.gateway.admission import Admission
from funclet.gateway.cluster.internal import InternalListener
from funclet.gateway.settings import ListenerLimits

if TYPE_CHECKING:
    from funclet.gateway.home.door import RelayFront

PEERS = ["10.0.0.7:8702", "[fd00:10:244:1::5]:8702", "fd00:10:244:2::5:8702"]


@pytest.mark.parametrize(
    ("host", "welcome"),
    [
        ("10.0.0.7", True),
        ("10.0.0.8", False),
        ("fd00:10:244:1::5", True),
        ("fd00:10:244:2::5", True),
        # A pod on the same node, which is in the same network of 64 bits.
        ("fd00:10:244:1::6", False),
    ],
)
async def test_the_other_gateways_are_welcome_and_nobody_beside_them(host: str, *, welcome: bool) -> None:
    listener = InternalListener(
        cast("RelayFront", None),
        web.Application(),
        Admission(ListenerLimits()),
        peers=lambda: PEERS,
        wall=lambda: 0.0,
    )
    assert listener._is_gateway(host) is welcome
