"""What every resource is made of: the model's manner, metadata, conditions."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP: Final = "funclet.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = "funclet.dev/v1alpha1"

Bounded = Annotated[str, Field(max_length=1024)]


class ApiModel(BaseModel):
    """Fields are snake_case in Python and camelCase on the wire; unknown ones are refused.

    Types are strict, as an API server's are: a number in quotes is no number. The operator, which must
    live with newer resources, validates with ``extra="ignore"``.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        strict=True,
    )


class OwnerReference(ApiModel):
    """Kubernetes' metav1.OwnerReference."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


def _own_namespace(value: Any) -> Any:
    """Take an empty namespace for the default one, never for all of them."""
    return "default" if value is None or value == "" else value


class ObjectMeta(ApiModel):
    """The part of Kubernetes' metav1.ObjectMeta that Funclet reads."""

    model_config = ConfigDict(extra="ignore")

    name: str
    namespace: Annotated[str, BeforeValidator(_own_namespace)] = "default"
    uid: str | None = None
    generation: int | None = None
    resource_version: str | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: list[OwnerReference] = Field(default_factory=list)


class Condition(ApiModel):
    """Kubernetes' metav1.Condition."""

    type: Annotated[str, Field(description="What the condition is about, such as Ready.", max_length=64)]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="True, False or Unknown.")]
    reason: Annotated[str, Field(description="A CamelCase word for machines.", max_length=128)]
    message: Annotated[str, Field(description="A sentence for people.", max_length=32768)] = ""
    last_transition_time: Annotated[
        str, Field(description="When status last changed (RFC 3339).", max_length=64)
    ]
    observed_generation: Annotated[
        int | None,
        Field(description="The generation of the resource that this speaks of.", ge=0, le=2**53),
    ] = None


Conditions = Annotated[
    list[Condition],
    Field(
        description="What is to be said of the resource, one entry for each type.",
        max_length=32,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]
ObservedGeneration = Annotated[
    int | None,
    Field(description="The generation of the spec that this status speaks of.", ge=0, le=2**53),
]


class Resource(ApiModel):
    """An object of group funclet.dev."""

    api_version: Annotated[
        Literal["funclet.dev/v1alpha1"], Field(description="The group and version of this resource.")
    ] = API_VERSION
    kind: Annotated[str, Field(description="The kind of this resource.")]
    metadata: ObjectMeta

    def to_object(self) -> dict[str, Any]:
        """Write the resource as it stands in a manifest: camelCase, only what was set."""
        content = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return {"apiVersion": self.api_version, "kind": self.kind, **content}
