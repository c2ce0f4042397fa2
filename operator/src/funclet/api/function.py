"""Function: the mutable $LATEST and what holds for all its versions."""

from typing import Annotated, Literal

from pydantic import Field

from funclet.api.base import ApiModel, Condition, Resource
from funclet.api.settings import VersionedSettings
from funclet.api.values import Duration


class Concurrency(ApiModel):
    """How many invocations may run at once."""

    reserved: int | None = None
    per_instance: int = 1


class Scaling(ApiModel):
    """How many instances stand by."""

    min: int = 0
    idle: Duration = "5m"


class Destination(ApiModel):
    """Where the record of an asynchronous invocation goes."""

    destination: str


class Async(ApiModel):
    """How asynchronous invocations are retried and where their records go."""

    maximum_retry_attempts: int = 2
    maximum_event_age: Duration = "6h"
    on_success: Destination | None = None
    on_failure: Destination | None = None


class Cors(ApiModel):
    """Cross-origin rules of a function URL, in AWS's terms."""

    allow_credentials: bool = False
    allow_headers: list[str] = Field(default_factory=list)
    allow_methods: list[str] = Field(default_factory=list)
    allow_origins: list[str] = Field(default_factory=list)
    expose_headers: list[str] = Field(default_factory=list)
    max_age: int = 0


class Url(ApiModel):
    """A function URL."""

    auth_type: Literal["NONE", "AWS_IAM"]
    invoke_mode: Literal["BUFFERED", "RESPONSE_STREAM"] = "BUFFERED"
    cors: Cors | None = None


class FunctionSpec(VersionedSettings):
    """The versioned fields of $LATEST, and the function-level ones."""

    function_name: str | None = None
    description: str = ""
    concurrency: Concurrency = Concurrency()
    scaling: Scaling = Scaling()
    async_: Annotated[Async, Field(alias="async")] = Async()
    url: Url | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    publish: Literal["Auto", "Manual"] = "Manual"
    publish_alias: str | None = None
    keep_versions: int | None = None


class FunctionStatus(ApiModel):
    """What Funclet knows of a function."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    last_version: int = 0
    function_arn: str | None = None
    code_sha256: str | None = None
    runtime_digest: str | None = None
    latest_revision: str | None = None
    serving_revision: str | None = None
    instances: int = 0
    selector: str | None = None
    wanted: dict[str, str] = Field(default_factory=dict)


class Function(Resource):
    """A function: its mutable $LATEST."""

    kind: Literal["Function"] = "Function"
    spec: FunctionSpec
    status: FunctionStatus = FunctionStatus()

    @property
    def lambda_name(self) -> str:
        """The name in the Lambda API: spec.functionName, else the object's own."""
        return self.spec.function_name or self.metadata.name
