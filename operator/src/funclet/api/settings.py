"""The versioned fields: what a FunctionVersion freezes and a revision runs."""

from typing import Annotated, Literal

from pydantic import Field

from funclet.api.base import ApiModel
from funclet.api.values import Duration, Quantity

EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=256)]


class ZipCode(ApiModel):
    """A zip archive: exactly one of path, url, s3, blob."""

    path: str | None = None
    url: str | None = None
    s3: str | None = None
    blob: str | None = None
    sha256: str | None = None


class ImageCode(ApiModel):
    """A container image that brings its own runtime."""

    ref: str
    command: list[str] = Field(default_factory=list)
    working_directory: str | None = None


class Code(ApiModel):
    """Where the code comes from: exactly one of inline, zip, image."""

    inline: dict[str, str] | None = None
    zip: ZipCode | None = None
    image: ImageCode | None = None


class KeyReference(ApiModel):
    """A Secret or ConfigMap of the function's own namespace, as environment or as files."""

    name: str
    variables: dict[EnvironmentName, str] | None = None
    prefix: str | None = None
    mount_path: str | None = None


class Network(ApiModel):
    """What the function's instances may reach."""

    egress: Literal["Internet", "Cluster", "None"] = "Internet"


class Logging(ApiModel):
    """How log lines look and which are kept."""

    format: Literal["Text", "JSON"] = "Text"
    application_level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] = "INFO"
    system_level: Literal["DEBUG", "INFO", "WARN"] = "INFO"


class VersionedSettings(ApiModel):
    """A change of any of these makes a new version."""

    runtime: str | None = None
    handler: str | None = None
    code: Code
    memory: Quantity = "128Mi"
    timeout: Duration = "3s"
    environment: dict[EnvironmentName, str] = Field(default_factory=dict)
    secrets: list[KeyReference] = Field(default_factory=list)
    config_maps: list[KeyReference] = Field(default_factory=list)
    layers: list[str] = Field(default_factory=list)
    role: str | None = None
    ephemeral_storage: Quantity = "512Mi"
    network: Network = Network()
    logging: Logging = Logging()
