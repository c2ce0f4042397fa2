"""What every resource is made of: the model's manner, metadata, conditions."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "funclet.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class ApiModel(BaseModel):
    """Fields are snake_case in Python and camelCase on the wire; unknown ones are refused.

    The operator, which must live with newer resources, validates with ``extra="ignore"``.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
    )


class OwnerReference(ApiModel):
    """Kubernetes' metav1.OwnerReference."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(ApiModel):
    """The part of Kubernetes' metav1.ObjectMeta that Funclet reads."""

    model_config = ConfigDict(extra="ignore")

    name: str
    namespace: str = "default"
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
        int | None, Field(description="The generation of the resource that this speaks of.", ge=0)
    ] = None


class Resource(ApiModel):
    """An object of group funclet.dev."""

    api_version: Literal["funclet.dev/v1alpha1"] = API_VERSION
    kind: str
    metadata: ObjectMeta

    def to_object(self) -> dict[str, Any]:
        """The resource as it stands in a manifest: camelCase, only what was set."""
        return self.model_dump(mode="json", exclude_unset=True)
