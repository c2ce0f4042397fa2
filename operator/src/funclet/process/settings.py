"""The environment of operator and gateway, as the chart sets it (designs/0003)."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from funclet.api.platform import REGION, PlatformConfig, PlatformError, load
from funclet.process.origins import Network, endpoint, network

Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """The environment, or a file that it names, cannot be used; the message names each variable."""


class ProcessSettings(BaseSettings):
    """What both have; the variables are FUNCLET_ and the field's name."""

    model_config = SettingsConfigDict(env_prefix="FUNCLET_", extra="ignore", frozen=True)

    #: platform.yaml
    platform: Path
    #: the folder with this process's keys
    keys: Path
    #: empty: all
    namespaces: Annotated[tuple[str, ...], NoDecode] = ()
    #: the pod's name, and its own namespace
    identity: Annotated[str, Field(min_length=1, max_length=253)]
    namespace: Annotated[str, Field(min_length=1, max_length=63)]
    #: what the names of the Leases begin with, so that releases may share a namespace
    release: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] = "funclet"
    admin_host: str = "0.0.0.0"
    admin_port: Port = 8701
    log_format: Literal["JSON", "Text"] = "JSON"

    @field_validator("namespaces", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return _parts(value) if isinstance(value, str) else value


class OperatorSettings(ProcessSettings):
    """The operator's own."""


class GatewaySettings(ProcessSettings):
    """A gateway's own."""

    pod_ip: str
    auth: Literal["Kubernetes", "Token", "None"] = "Kubernetes"
    host: str = "0.0.0.0"
    port: Port = 8700
    internal_port: Port = 8702
    #: folder for the snapshot and code
    cache: Path
    held_megabytes: Annotated[int, Field(ge=8, le=1_000_000)] = 256
    #: where code may come from: see OriginSettings
    code_allow_http: bool = False
    code_allowed_networks: Annotated[tuple[Network, ...], NoDecode] = ()
    code_s3_endpoint: str | None = None
    #: the platform's unless set
    code_s3_region: Annotated[str, Field(max_length=63, pattern=REGION)] | None = None

    @field_validator("code_allowed_networks", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return tuple(network(part) for part in _parts(value)) if isinstance(value, str) else value

    @field_validator("code_s3_endpoint", "code_s3_region", mode="before")
    @classmethod
    def _unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("code_s3_endpoint")
    @classmethod
    def _endpoint(cls, value: str | None) -> str | None:
        return None if value is None else endpoint(value)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))


S = TypeVar("S", bound=ProcessSettings)


def read_settings(kind: type[S]) -> S:
    """Read the environment. Raises SettingsError, which names every variable that is wrong."""
    try:
        return kind()
    except ValidationError as error:
        problems = [
            f"FUNCLET_{str(each['loc'][0]).upper()}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        ]
        raise SettingsError("\n".join(problems)) from None


def read_platform(path: Path) -> PlatformConfig:
    """Read platform.yaml. Raises SettingsError, which names every field that is wrong."""
    try:
        return load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"FUNCLET_PLATFORM: {path}: {error}") from error
    except PlatformError as error:
        raise SettingsError(str(error)) from error
