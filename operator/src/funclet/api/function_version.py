"""FunctionVersion: an immutable, numbered snapshot of a function."""

from typing import Literal

from pydantic import Field

from funclet.api.base import ApiModel, Condition, Resource
from funclet.api.settings import VersionedSettings


class FunctionVersionSpec(VersionedSettings):
    """The versioned fields, frozen, with the code's hash and the runtime's digest."""

    function: str
    version: str
    description: str = ""
    code_sha256: str
    runtime_digest: str | None = None


class FunctionVersionStatus(ApiModel):
    """What Funclet knows of a version."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    function_arn: str | None = None
    revision: str | None = None
    instances: int = 0
    wanted: dict[str, str] = Field(default_factory=dict)


class FunctionVersion(Resource):
    """One published version."""

    kind: Literal["FunctionVersion"] = "FunctionVersion"
    spec: FunctionVersionSpec
    status: FunctionVersionStatus = FunctionVersionStatus()
