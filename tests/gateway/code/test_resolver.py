from ipaddress import ip_network

import pytest

from funclet.gateway.code.resolver import CheckedResolver, InsideError
from support.origins import Names


async def test_a_name_gives_the_addresses_that_were_looked_at() -> None:
    names = Names({"code.example.com": ["8.8.8.8", "2001:4860:4860::8888"]})
    found = await CheckedResolver(names, ()).resolve("code.example.com", 443)
    assert [each["host"] for each in found] == ["8.8.8.8", "2001:4860:4860::8888"]
    assert names.asked == ["code.example.com"]


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1%eth0", "none"]
)
async def test_one_address_of_the_inside_spoils_a_name(inside: str) -> None:
    resolver = CheckedResolver(Names({"both.example.com": ["8.8.8.8", inside]}), ())
    with pytest.raises(InsideError):
        await resolver.resolve("both.example.com", 443)


async def test_a_network_that_is_allowed_may_be_named() -> None:
    resolver = CheckedResolver(Names({"minio.internal": ["10.1.2.3"]}), (ip_network("10.1.0.0/16"),))
    assert len(await resolver.resolve("minio.internal", 9000)) == 1
