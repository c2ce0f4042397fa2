"""What a process on a cluster is told, and how it refuses what it cannot use."""

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from funclet.process.settings import (
    GatewaySettings,
    OperatorSettings,
    ProcessSettings,
    SettingsError,
    read_platform,
    read_settings,
)
from support.rendering import platform_file

OPERATOR = {
    "FUNCLET_PLATFORM": "/etc/funclet/platform.yaml",
    "FUNCLET_KEYS": "/etc/funclet/keys",
    "FUNCLET_IDENTITY": "funclet-operator-x7k2m",
    "FUNCLET_NAMESPACE": "funclet-system",
}
GATEWAY = {**OPERATOR, "FUNCLET_POD_IP": "10.1.2.3", "FUNCLET_CACHE": "/var/cache/funclet"}


def read(monkeypatch: pytest.MonkeyPatch, kind: type[ProcessSettings], environment: dict[str, str]) -> Any:
    for name in kind.model_fields:
        monkeypatch.delenv(f"FUNCLET_{name.upper()}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return read_settings(kind)


def test_the_least_that_an_operator_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, OperatorSettings, OPERATOR)
    assert settings.namespaces == ()
    assert settings.release == "funclet"
    assert (settings.admin_host, settings.admin_port, settings.log_format) == ("0.0.0.0", 8701, "JSON")
    assert settings.platform == Path("/etc/funclet/platform.yaml")


def test_the_least_that_a_gateway_needs_lets_nobody_in_without_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = read(monkeypatch, GatewaySettings, GATEWAY)
    assert settings.auth == "Kubernetes"
    assert (settings.port, settings.admin_port, settings.internal_port) == (8700, 8701, 8702)


@pytest.mark.parametrize(
    ("text", "namespaces"),
    [
        ("", ()),
        ("shop", ("shop",)),
        ("shop,bank", ("shop", "bank")),
        (" shop , ,bank,", ("shop", "bank")),
        (",", ()),
    ],
)
def test_namespaces_are_a_list_with_commas(
    monkeypatch: pytest.MonkeyPatch, text: str, namespaces: tuple[str, ...]
) -> None:
    assert (
        read(monkeypatch, OperatorSettings, {**OPERATOR, "FUNCLET_NAMESPACES": text}).namespaces == namespaces
    )


def test_code_comes_from_the_public_alone_unless_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, GatewaySettings, GATEWAY)
    assert settings.code_allow_http is False
    assert settings.code_allowed_networks == ()
    assert (settings.code_s3_endpoint, settings.code_s3_region) == (None, None)


def test_the_chart_s_empty_values_set_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("FUNCLET_CODE_ALLOWED_NETWORKS", "FUNCLET_CODE_S3_ENDPOINT", "FUNCLET_CODE_S3_REGION")
    empty = read(monkeypatch, GatewaySettings, {**GATEWAY, **dict.fromkeys(names, "")})
    assert empty == read(monkeypatch, GatewaySettings, GATEWAY)


def test_where_else_code_may_come_from_can_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {
        "FUNCLET_CODE_ALLOW_HTTP": "true",
        "FUNCLET_CODE_ALLOWED_NETWORKS": "10.96.0.0/16, fd00:1::/64,",
        "FUNCLET_CODE_S3_ENDPOINT": "http://minio.storage.svc:9000/",
        "FUNCLET_CODE_S3_REGION": "garage",
    }
    settings = read(monkeypatch, GatewaySettings, {**GATEWAY, **said})
    assert settings.code_allow_http is True
    assert settings.code_allowed_networks == (ip_network("10.96.0.0/16"), ip_network("fd00:1::/64"))
    assert settings.code_s3_endpoint == "http://minio.storage.svc:9000"
    assert settings.code_s3_region == "garage"


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        (
            "ALLOWED_NETWORKS",
            "10.96.0.0/16,10.0.0.300/8",
            "'10.0.0.300/8' must be a network as ADDRESS/PREFIX",
        ),
        ("ALLOWED_NETWORKS", "10.0.0.1/8", "10.0.0.1/8 must begin where its network does: write 10.0.0.0/8"),
        ("S3_ENDPOINT", "minio:9000", "must be http://HOST or https://HOST"),
        ("S3_ENDPOINT", "http://user:secret@minio", "must hold no user and no password"),
    ],
)
def test_the_rule_is_told_with_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str
) -> None:
    variable = f"FUNCLET_CODE_{name}"
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, GatewaySettings, {**GATEWAY, variable: value})
    assert str(caught.value).startswith(f"{variable}: {rule}")
    assert "secret" not in str(caught.value)


Change = dict[str, str | None]
BAD: list[tuple[type[ProcessSettings], Change, str]] = [
    *[(OperatorSettings, Change({name: None}), name) for name in OPERATOR],
    *[(GatewaySettings, Change({name: None}), name) for name in GATEWAY],
    (OperatorSettings, {"FUNCLET_IDENTITY": ""}, "FUNCLET_IDENTITY"),
    (OperatorSettings, {"FUNCLET_IDENTITY": "x" * 254}, "FUNCLET_IDENTITY"),
    (OperatorSettings, {"FUNCLET_NAMESPACE": ""}, "FUNCLET_NAMESPACE"),
    (OperatorSettings, {"FUNCLET_NAMESPACE": "x" * 64}, "FUNCLET_NAMESPACE"),
    (OperatorSettings, {"FUNCLET_RELEASE": ""}, "FUNCLET_RELEASE"),
    (OperatorSettings, {"FUNCLET_RELEASE": "a.b"}, "FUNCLET_RELEASE"),
    (GatewaySettings, {"FUNCLET_RELEASE": "x" * 64}, "FUNCLET_RELEASE"),
    (OperatorSettings, {"FUNCLET_ADMIN_PORT": "http"}, "FUNCLET_ADMIN_PORT"),
    (OperatorSettings, {"FUNCLET_ADMIN_PORT": "65536"}, "FUNCLET_ADMIN_PORT"),
    (OperatorSettings, {"FUNCLET_ADMIN_PORT": "-1"}, "FUNCLET_ADMIN_PORT"),
    (OperatorSettings, {"FUNCLET_ADMIN_PORT": "tcp://10.0.0.1:8701"}, "FUNCLET_ADMIN_PORT"),
    (OperatorSettings, {"FUNCLET_LOG_FORMAT": "yaml"}, "FUNCLET_LOG_FORMAT"),
    (GatewaySettings, {"FUNCLET_AUTH": "none"}, "FUNCLET_AUTH"),
    (GatewaySettings, {"FUNCLET_AUTH": ""}, "FUNCLET_AUTH"),
    (GatewaySettings, {"FUNCLET_PORT": "8700 " + "x"}, "FUNCLET_PORT"),
    (GatewaySettings, {"FUNCLET_HELD_MEGABYTES": "0"}, "FUNCLET_HELD_MEGABYTES"),
    (GatewaySettings, {"FUNCLET_HELD_MEGABYTES": "1e9"}, "FUNCLET_HELD_MEGABYTES"),
    (GatewaySettings, {"FUNCLET_CODE_ALLOW_HTTP": ""}, "FUNCLET_CODE_ALLOW_HTTP"),
    (GatewaySettings, {"FUNCLET_CODE_ALLOW_HTTP": "http"}, "FUNCLET_CODE_ALLOW_HTTP"),
    (GatewaySettings, {"FUNCLET_CODE_ALLOWED_NETWORKS": "10.0.0.1"}, "FUNCLET_CODE_ALLOWED_NETWORKS"),
    (GatewaySettings, {"FUNCLET_CODE_S3_ENDPOINT": "minio"}, "FUNCLET_CODE_S3_ENDPOINT"),
    (GatewaySettings, {"FUNCLET_CODE_S3_REGION": "EU"}, "FUNCLET_CODE_S3_REGION"),
    (GatewaySettings, {"FUNCLET_CODE_S3_REGION": "x" * 64}, "FUNCLET_CODE_S3_REGION"),
]


@pytest.mark.parametrize(
    ("kind", "change", "named"), BAD, ids=[f"{kind.__name__} {change}" for kind, change, _ in BAD]
)
def test_a_variable_that_is_missing_or_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: type[ProcessSettings], change: Change, named: str
) -> None:
    base: Change = {**(GATEWAY if kind is GatewaySettings else OPERATOR), **change}
    environment = {name: value for name, value in base.items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, kind, environment)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [named]


def test_every_variable_is_in_the_contract() -> None:
    text = (Path(__file__).parents[2] / "designs" / "0003-cluster.md").read_text()
    rows = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `FUNCLET_"))
    for name in {**OperatorSettings.model_fields, **GatewaySettings.model_fields}:
        assert f"`FUNCLET_{name.upper()}`" in rows


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as caught:
        read(monkeypatch, GatewaySettings, {})
    assert {line.partition(":")[0] for line in str(caught.value).splitlines()} == set(GATEWAY)


def test_variables_that_kubernetes_makes_of_services_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    services = {"FUNCLET_GATEWAY_SERVICE_HOST": "10.0.0.1", "FUNCLET_GATEWAY_PORT": "tcp://10.0.0.1:80"}
    assert (
        read(monkeypatch, OperatorSettings, {**OPERATOR, **services}).identity == OPERATOR["FUNCLET_IDENTITY"]
    )


def test_a_platform_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "platform.yaml"
    file.write_text(yaml.safe_dump(platform_file()))
    assert read_platform(file).region == "us-east-1"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff\xfe", "FUNCLET_PLATFORM"),
        (b"region: [", "is not YAML"),
        (b"", "must be a mapping"),
        (b"- a", "must be a mapping"),
        (b"region: us-east-1", "gatewayInternalUrl: is required"),
        (json.dumps({**platform_file(), "region": "EU"}).encode(), "platform.yaml: region"),
        (json.dumps({**platform_file(), "hologram": 1}).encode(), "hologram: is not a known field"),
        (json.dumps(platform_file(pods={"runAsUser": 0})).encode(), "pods.runAsUser: must be at least 1"),
    ],
    ids=str,
)
def test_a_platform_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "platform.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=words.replace("[", r"\[")):
        read_platform(file)


def test_a_platform_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"FUNCLET_PLATFORM: .*absent\.yaml"):
        read_platform(tmp_path / "absent.yaml")
