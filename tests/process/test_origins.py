"""What an administrator may write for networks and for an S3, and what is said to what he may not."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.process.origins import endpoint, network


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_a_network_of_ipv4_is_read(address: object, prefix: int) -> None:
    wanted = ip_network(f"{address}/{prefix}", strict=False)
    assert network(str(wanted)) == wanted
    assert isinstance(network(str(wanted)), IPv4Network)


@given(st.ip_addresses(v=6), st.integers(0, 128))
def test_a_network_of_ipv6_is_read_however_it_is_written(address: object, prefix: int) -> None:
    wanted = ip_network(f"{address}/{prefix}", strict=False)
    assert network(wanted.exploded.upper()) == wanted
    assert isinstance(network(str(wanted)), IPv6Network)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.0",
        "10.0.0/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/ 8",
        "10.0.0.256/32",
        "010.0.0.0/8",
        "fd00::/129",
        "fe80::%eth0/64",
        "minio.storage.svc/32",
        "10.0.0.0/8;10.1.0.0/16",
        "x" * 10_000,
    ],
)
def test_what_is_no_network_is_told_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a network as ADDRESS/PREFIX, such as") as refused:
        network(text)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("text", "right"),
    [("10.0.0.1/8", "10.0.0.0/8"), ("fd00::1/64", "fd00::/64"), ("10.96.0.1/31", "10.96.0.0/31")],
)
def test_an_address_within_a_network_is_told_where_the_network_begins(text: str, right: str) -> None:
    with pytest.raises(ValueError, match=f"{text} must begin where its network does: write {right}"):
        network(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("http://minio.storage.svc:9000", "http://minio.storage.svc:9000"),
        ("http://minio.storage.svc:9000/", "http://minio.storage.svc:9000"),
        ("https://s3.example.com", "https://s3.example.com"),
        ("https://s3.example.com.", "https://s3.example.com."),
        ("http://10.96.3.4:9000", "http://10.96.3.4:9000"),
        ("http://[fd00::1]:9000", "http://[fd00::1]:9000"),
        ("http://minio:65535", "http://minio:65535"),
        ("http://3d", "http://3d"),
    ],
)
def test_an_endpoint_is_a_scheme_a_host_and_a_port(text: str, read: str) -> None:
    assert endpoint(text) == read


SCHEME = "must be http://HOST or https://HOST, with :PORT where it has one of its own"
HOST = "must have a host's name or address after http:// or https://"
PORT = "must have a port from 1 to 65535 after the colon"
END = "must end after host and port: bucket and key are the function's to say"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("minio.storage.svc:9000", SCHEME),
        ("minio", SCHEME),
        ("//minio", SCHEME),
        ("s3://bucket", SCHEME),
        ("HTTP://minio", SCHEME),
        (" http://minio", SCHEME),
        ("http://minio\n", HOST),
        ("http://", HOST),
        ("http://:9000", HOST),
        ("http:///path", HOST),
        ("http://a b", HOST),
        ("http://-minio", HOST),
        ("http://a..b", HOST),
        ("http://mini_o", HOST),
        ("http://exämple.com", HOST),
        ("http://127.1", HOST),
        ("http://2130706433", HOST),
        ("http://1.2.3.256", HOST),
        ("http://[10.0.0.1]", HOST),
        ("http://[fe80::1%eth0]", HOST),
        ("http://[]", HOST),
        ("http://10.0.0.1]", HOST),
        ("http://[10.0.0.1", HOST),
        ("http://[fd00::1", HOST),
        ("http://fd00::1", PORT),
        ("http://" + "a" * 64, HOST),
        ("http://" + 127 * "a." + "a", HOST),
        ("http://minio:", PORT),
        ("http://minio:0", PORT),
        ("http://minio:65536", PORT),
        ("http://minio:9000:9000", PORT),
        ("http://minio:http", PORT),
        ("http://minio:\uff19", PORT),
        ("http://minio/bucket", END),
        ("http://minio//", END),
        ("http://minio?x=1", END),
        ("http://minio#x", END),
    ],
)
def test_an_endpoint_that_is_none_is_told_the_rule(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        endpoint(text)
    assert str(refused.value) == told


@pytest.mark.parametrize("who", ["user:secret@", "secret@", ":secret@", "@"])
@pytest.mark.parametrize("rest", ["minio:9000", "", "/", "minio/x"])
def test_an_endpoint_with_a_password_is_refused_without_telling_it(who: str, rest: str) -> None:
    with pytest.raises(ValueError, match="must hold no user and no password") as refused:
        endpoint(f"http://{who}{rest}")
    assert "secret" not in str(refused.value)
