"""Alias: a name for one version, or for two with weights."""

from typing import Annotated, Literal

from pydantic import Field

from funclet.api.base import ApiModel, Conditions, ObservedGeneration, Resource
from funclet.api.values import Duration

Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class RoutingConfig(ApiModel):
    """Shares of the traffic for a second version."""

    additional_version_weights: Annotated[
        dict[str, Weight],
        Field(
            description="At most one other version, with its share of the traffic from 0 to 1.", max_length=16
        ),
    ] = Field(default_factory=dict)


class Rollout(ApiModel):
    """How traffic moves when the alias is pointed at another version."""

    type: Annotated[
        Literal["AllAtOnce", "Canary", "Linear"],
        Field(description="AllAtOnce; Canary: one step, then the rest; Linear: a step after each interval."),
    ] = "AllAtOnce"
    step_percent: Annotated[
        int, Field(description="The share of the traffic that one step moves.", ge=1, le=100)
    ] = 10
    interval: Annotated[Duration, Field(description="The time between two steps, from 1s to 168h.")] = "1m"


class AliasSpec(ApiModel):
    """What the alias points to."""

    function: Annotated[
        str,
        Field(
            description="metadata.name of the Function, in the same namespace; never changes.", max_length=253
        ),
    ]
    name: Annotated[
        str,
        Field(description="The alias's name in the Lambda API; never changes.", min_length=1, max_length=128),
    ]
    version: Annotated[
        str, Field(description='The version\'s number, in quotes, such as "3", or $LATEST.', max_length=15)
    ]
    description: Annotated[str, Field(description="A sentence for people.", max_length=256)] = ""
    routing_config: Annotated[
        RoutingConfig, Field(description="Sends a share of the traffic to a second version.")
    ] = RoutingConfig()
    rollout: Annotated[Rollout | None, Field(description="Moves traffic in steps when version changes.")] = (
        None
    )
    provisioned_concurrency: Annotated[
        int | None, Field(description="Instances that are always ready for this alias.", ge=1, le=1_000_000)
    ] = None


class AliasStatus(ApiModel):
    """What Funclet knows of an alias."""

    observed_generation: ObservedGeneration = None
    conditions: Conditions = Field(default_factory=list)
    alias_arn: Annotated[str | None, Field(description="The alias's own ARN.", max_length=512)] = None
    version: Annotated[
        str | None, Field(description="The version that the alias sends traffic to.", max_length=15)
    ] = None


class Alias(Resource):
    """One alias."""

    kind: Annotated[Literal["Alias"], Field(description="The kind of this resource.")] = "Alias"
    spec: Annotated[AliasSpec, Field(description="What the alias points to.")]
    status: Annotated[AliasStatus, Field(description="What Funclet knows of it.")] = AliasStatus()
