"""FunctionVersion: an immutable, numbered snapshot of a function."""

from typing import Annotated, Literal

from pydantic import Field

from funclet.api.base import ApiModel, Bounded, Conditions, ObservedGeneration, Resource
from funclet.api.settings import VersionedSettings


class FunctionVersionSpec(VersionedSettings):
    """The versioned fields, frozen, with the code's hash and the runtime's digest."""

    function: Annotated[
        str,
        Field(description="metadata.name of the Function, in the same namespace.", max_length=253),
    ]
    version: Annotated[
        str, Field(description='The version\'s number, in quotes, such as "3".', max_length=15)
    ]
    description: Annotated[str, Field(description="A sentence for people.", max_length=256)] = ""
    code_sha256: Annotated[
        str,
        Field(
            description="SHA-256 of the code, 64 lower-case hexadecimal digits; an image's is its digest.",
            max_length=64,
        ),
    ]
    runtime_digest: Annotated[
        str | None,
        Field(
            description="The digest of the runtime that the version runs on; left out with code.image.",
            min_length=1,
            max_length=256,
        ),
    ] = None


class FunctionVersionStatus(ApiModel):
    """What Funclet knows of a version."""

    observed_generation: ObservedGeneration = None
    conditions: Conditions = Field(default_factory=list)
    function_arn: Annotated[str | None, Field(description="The version's own ARN.", max_length=512)] = None
    revision: Annotated[
        str | None, Field(description="The revision that runs this version.", max_length=253)
    ] = None
    instances: Annotated[
        int, Field(description="Instances of this version that are there.", ge=0, le=2**31 - 1)
    ] = 0
    wanted: Annotated[
        dict[str, Bounded],
        Field(description="Revisions of this version that a gateway wants a Deployment for.", max_length=64),
    ] = Field(default_factory=dict)


class FunctionVersion(Resource):
    """One published version."""

    kind: Annotated[Literal["FunctionVersion"], Field(description="The kind of this resource.")] = (
        "FunctionVersion"
    )
    spec: Annotated[FunctionVersionSpec, Field(description="What the version runs; it never changes.")]
    status: Annotated[FunctionVersionStatus, Field(description="What Funclet knows of it.")] = (
        FunctionVersionStatus()
    )
