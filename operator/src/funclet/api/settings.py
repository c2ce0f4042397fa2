"""The versioned fields: what a FunctionVersion freezes and a revision runs."""

from typing import Annotated, Literal

from pydantic import Field

from funclet.api.base import ApiModel, Bounded
from funclet.api.values import Duration, Quantity

#: Bytes of inline code, and of environment variables, as rules/measure.py counts them.
MAX_INLINE = 128 * 1024
MAX_ENVIRONMENT = 4096
#: Wider than all variables together may be, so that the rule on that can speak.
_MAX_VARIABLE = 32 * 1024


class ZipCode(ApiModel):
    """A zip archive: exactly one of path, url, s3, blob."""

    path: Annotated[
        str | None,
        Field(
            description="A file or folder beside the manifest; local mode and the CLI only.",
            min_length=1,
            max_length=4096,
        ),
    ] = None
    url: Annotated[
        str | None, Field(description="An http or https address to fetch the archive from.", max_length=2048)
    ] = None
    s3: Annotated[str | None, Field(description="An S3 object, as s3://BUCKET/KEY.", max_length=1100)] = None
    blob: Annotated[
        str | None,
        Field(description="The name of an archive uploaded to Funclet.", min_length=1, max_length=253),
    ] = None
    sha256: Annotated[
        str | None,
        Field(
            description="The archive's SHA-256, 64 lower-case hexadecimal digits; computed for path.",
            max_length=64,
        ),
    ] = None


class ImageCode(ApiModel):
    """A container image that brings its own runtime."""

    ref: Annotated[
        str,
        Field(
            description="The image, best by digest; a tag is resolved once for each version.",
            min_length=1,
            max_length=512,
        ),
    ]
    command: Annotated[
        list[Annotated[str, Field(max_length=4096)]],
        Field(description="Replaces the image's own entry point and arguments.", max_length=64),
    ] = Field(default_factory=list)
    working_directory: Annotated[
        str | None,
        Field(description="Replaces the image's own working directory.", min_length=1, max_length=1000),
    ] = None


class Code(ApiModel):
    """Where the code comes from: exactly one of inline, zip, image."""

    inline: Annotated[
        dict[str, Annotated[str, Field(max_length=MAX_INLINE)]] | None,
        Field(
            description="Files by relative name, together at most 128 KiB as JSON.",
            min_length=1,
            max_length=128,
        ),
    ] = None
    zip: Annotated[ZipCode | None, Field(description="A zip archive with the code.")] = None
    image: Annotated[
        ImageCode | None, Field(description="A container image that brings its own runtime.")
    ] = None


class KeyReference(ApiModel):
    """A Secret or ConfigMap of the function's own namespace, as environment or as files."""

    name: Annotated[
        str, Field(description="The object's name, in the function's own namespace.", max_length=253)
    ]
    variables: Annotated[
        dict[str, Annotated[str, Field(min_length=1, max_length=253)]] | None,
        Field(description="Environment variables, each with the key that it is filled from.", max_length=64),
    ] = None
    prefix: Annotated[
        str | None,
        Field(
            description="Makes every key an environment variable with this in front; may be empty.",
            max_length=128,
        ),
    ] = None
    mount_path: Annotated[
        str | None,
        Field(description="An absolute folder that shows every key as a file.", max_length=512),
    ] = None


class Network(ApiModel):
    """What the function's instances may reach."""

    egress: Annotated[
        Literal["Internet", "Cluster", "None"],
        Field(description="Internet: everything; Cluster: addresses of the cluster only; None: nothing."),
    ] = "Internet"


class Logging(ApiModel):
    """How log lines look and which are kept."""

    format: Annotated[
        Literal["Text", "JSON"], Field(description="Text lines, or one JSON object for each line.")
    ] = "Text"
    application_level: Annotated[
        Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"],
        Field(description="The least level of the function's own lines that is kept, with format JSON."),
    ] = "INFO"
    system_level: Annotated[
        Literal["DEBUG", "INFO", "WARN"],
        Field(description="The least level of the platform's lines that is kept, with format JSON."),
    ] = "INFO"


class VersionedSettings(ApiModel):
    """A change of any of these makes a new version."""

    runtime: Annotated[
        str | None,
        Field(
            description="An AWS name such as python3.13, or python, nodejs or provided for the platform's "
            "current version; left out with code.image.",
            min_length=1,
            max_length=64,
        ),
    ] = None
    handler: Annotated[
        str | None,
        Field(
            description="Where the runtime enters the code, such as app.handler; optional with code.image.",
            min_length=1,
            max_length=128,
        ),
    ] = None
    code: Annotated[Code, Field(description="Where the code comes from: exactly one of inline, zip, image.")]
    memory: Annotated[
        Quantity, Field(description="Memory of an instance, from 128Mi to 10240Mi; a bare number is bytes.")
    ] = "128Mi"
    timeout: Annotated[
        Duration, Field(description="How long an invocation may run: whole seconds from 1s to 15m.")
    ] = "3s"
    environment: Annotated[
        dict[str, Annotated[str, Field(max_length=_MAX_VARIABLE)]],
        Field(description="Environment variables, together at most 4 KB as JSON.", max_length=256),
    ] = Field(default_factory=dict)
    secrets: Annotated[
        list[KeyReference],
        Field(description="Secrets of the own namespace that the function sees.", max_length=16),
    ] = Field(default_factory=list)
    config_maps: Annotated[
        list[KeyReference],
        Field(description="ConfigMaps of the own namespace that the function sees.", max_length=16),
    ] = Field(default_factory=list)
    layers: Annotated[
        list[Bounded],
        Field(description="Layer versions unpacked into /opt, in this order; at most 5.", max_length=16),
    ] = Field(default_factory=list)
    role: Annotated[
        str | None,
        Field(
            description="Whom the function acts as: a ServiceAccount of the own namespace, "
            "or the ARN of an IAM role.",
            min_length=1,
            max_length=2048,
        ),
    ] = None
    ephemeral_storage: Annotated[
        Quantity, Field(description="Size of /tmp, from 512Mi to 10240Mi; a bare number is bytes.")
    ] = "512Mi"
    network: Annotated[Network, Field(description="What the function's instances may reach.")] = Network()
    logging: Annotated[Logging, Field(description="How log lines look and which are kept.")] = Logging()
