"""Function: the mutable $LATEST and what holds for all its versions."""

from typing import Annotated, Literal

from pydantic import Field

from funclet.api.base import ApiModel, Bounded, Conditions, ObservedGeneration, Resource
from funclet.api.settings import VersionedSettings
from funclet.api.values import Duration

HeaderName = Annotated[str, Field(min_length=1, max_length=1024)]


class Concurrency(ApiModel):
    """How many invocations may run at once."""

    reserved: Annotated[
        int | None,
        Field(
            description="Invocations that may run at once over all versions; 0 stops the function; "
            "no cap unless set.",
            ge=0,
            le=1_000_000,
        ),
    ] = None
    per_instance: Annotated[
        int, Field(description="Invocations that one instance runs at once.", ge=1, le=1000)
    ] = 1


class Scaling(ApiModel):
    """How many instances stand by."""

    min: Annotated[
        int, Field(description="Instances that stay although nothing calls them.", ge=0, le=10_000)
    ] = 0
    idle: Annotated[Duration, Field(description="How long an idle instance stays, from 1s to 168h.")] = "5m"


class Destination(ApiModel):
    """Where the record of an asynchronous invocation goes."""

    destination: Annotated[
        str,
        Field(
            description="The ARN of a function, queue or topic, or the address of one.",
            min_length=1,
            max_length=1024,
        ),
    ]


class Async(ApiModel):
    """How asynchronous invocations are retried and where their records go."""

    maximum_retry_attempts: Annotated[
        int, Field(description="Further tries after a function error.", ge=0, le=2)
    ] = 2
    maximum_event_age: Annotated[
        Duration, Field(description="How long an event may wait: whole seconds from 1m to 6h.")
    ] = "6h"
    on_success: Annotated[
        Destination | None, Field(description="Where records of successful invocations go.")
    ] = None
    on_failure: Annotated[
        Destination | None, Field(description="Where records of events that were given up go.")
    ] = None


class Cors(ApiModel):
    """Cross-origin rules of a function URL, in AWS's terms."""

    allow_credentials: Annotated[bool, Field(description="Whether cookies and credentials may be sent.")] = (
        False
    )
    allow_headers: Annotated[
        list[HeaderName], Field(description="Request headers that a page may send.", max_length=100)
    ] = Field(default_factory=list)
    allow_methods: Annotated[
        list[Literal["GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*"]],
        Field(description="Methods that a page may use; * is all.", max_length=6),
    ] = Field(default_factory=list)
    allow_origins: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=253)]],
        Field(description="Origins that may call; * is all.", max_length=100),
    ] = Field(default_factory=list)
    expose_headers: Annotated[
        list[HeaderName], Field(description="Response headers that a page may read.", max_length=100)
    ] = Field(default_factory=list)
    max_age: Annotated[
        int, Field(description="Seconds for which a browser may keep these rules.", ge=0, le=86_400)
    ] = 0


class Url(ApiModel):
    """A function URL."""

    auth_type: Annotated[
        Literal["NONE", "AWS_IAM"], Field(description="NONE: everybody may call; AWS_IAM: signed calls only.")
    ]
    invoke_mode: Annotated[
        Literal["BUFFERED", "RESPONSE_STREAM"],
        Field(description="Whether the answer is sent whole, or as the function writes it."),
    ] = "BUFFERED"
    cors: Annotated[Cors | None, Field(description="Which web pages may call.")] = None


class FunctionSpec(VersionedSettings):
    """The versioned fields of $LATEST, and the function-level ones."""

    function_name: Annotated[
        str | None,
        Field(
            description="The name in the Lambda API, where metadata.name cannot hold it; never changes.",
            min_length=1,
            max_length=64,
        ),
    ] = None
    description: Annotated[str, Field(description="A sentence for people.", max_length=256)] = ""
    concurrency: Annotated[Concurrency, Field(description="How many invocations may run at once.")] = (
        Concurrency()
    )
    scaling: Annotated[Scaling, Field(description="How many instances stand by.")] = Scaling()
    async_: Annotated[
        Async,
        Field(
            alias="async",
            description="How asynchronous invocations are retried and where their records go.",
        ),
    ] = Async()
    url: Annotated[Url | None, Field(description="Gives the function an HTTP address of its own.")] = None
    tags: Annotated[
        dict[str, Annotated[str, Field(max_length=256)]],
        Field(description="Tags in the Lambda API; at most 50.", max_length=200),
    ] = Field(default_factory=dict)
    publish: Annotated[
        Literal["Auto", "Manual"],
        Field(
            description="Auto: each change of code or settings makes a version; Manual: somebody asks for it."
        ),
    ] = "Manual"
    publish_alias: Annotated[
        str | None,
        Field(
            description="With publish: Auto, the alias that follows the newest version.",
            min_length=1,
            max_length=128,
        ),
    ] = None
    keep_versions: Annotated[
        int | None,
        Field(
            description="Versions to keep, the newest first, besides those that an alias names; "
            "all unless set.",
            ge=1,
            le=100_000,
        ),
    ] = None


class Publication(ApiModel):
    """The latest publish: which version it gave, from which settings, and which request it answered."""

    version: Annotated[str, Field(description="The version that the publish gave.", max_length=15)]
    settings_hash: Annotated[
        str, Field(description="Hash of the versioned fields and the code that it froze.", max_length=64)
    ]
    request: Annotated[
        str | None, Field(description="The annotation funclet.dev/publish that it answered.", max_length=1024)
    ] = None


class FunctionStatus(ApiModel):
    """What Funclet knows of a function."""

    observed_generation: ObservedGeneration = None
    conditions: Conditions = Field(default_factory=list)
    last_version: Annotated[
        int, Field(description="The highest version number ever given out.", ge=0, le=2**53)
    ] = 0
    unused_version: Annotated[
        int | None,
        Field(
            description="The last number given out, where its version was refused: the next publish takes it.",
            ge=1,
            le=2**53,
        ),
    ] = None
    publication: Annotated[Publication | None, Field(description="The latest publish.")] = None
    function_arn: Annotated[
        str | None, Field(description="The function's ARN, without qualifier.", max_length=512)
    ] = None
    code_sha256: Annotated[
        str | None, Field(description="SHA-256 of the code that $LATEST runs, in hex.", max_length=64)
    ] = None
    runtime_digest: Annotated[
        str | None, Field(description="The digest of the runtime that $LATEST runs on.", max_length=256)
    ] = None
    latest_revision: Annotated[
        str | None, Field(description="The revision that the spec describes.", max_length=253)
    ] = None
    serving_revision: Annotated[
        str | None,
        Field(description="The revision that serves $LATEST until the latest one is ready.", max_length=253),
    ] = None
    instances: Annotated[
        int, Field(description="Instances that are there, over all versions.", ge=0, le=2**31 - 1)
    ] = 0
    selector: Annotated[
        str | None, Field(description="The label selector of the function's pods.", max_length=1024)
    ] = None
    wanted: Annotated[
        dict[str, Bounded],
        Field(description="Revisions of $LATEST that a gateway wants a Deployment for.", max_length=64),
    ] = Field(default_factory=dict)


class Function(Resource):
    """A function: its mutable $LATEST."""

    kind: Annotated[Literal["Function"], Field(description="The kind of this resource.")] = "Function"
    spec: Annotated[FunctionSpec, Field(description="What the function should be.")]
    status: Annotated[FunctionStatus, Field(description="What Funclet knows of it.")] = FunctionStatus()

    @property
    def lambda_name(self) -> str:
        """The name in the Lambda API: spec.functionName, else the object's own."""
        return self.spec.function_name or self.metadata.name
