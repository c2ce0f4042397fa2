"""Alias: a name for one version, or for two with weights."""

from typing import Literal

from pydantic import Field

from funclet.api.base import ApiModel, Condition, Resource
from funclet.api.values import Duration


class RoutingConfig(ApiModel):
    """Shares of the traffic for a second version."""

    additional_version_weights: dict[str, float] = Field(default_factory=dict)


class Rollout(ApiModel):
    """How traffic moves when the alias is pointed at another version."""

    type: Literal["AllAtOnce", "Canary", "Linear"] = "AllAtOnce"
    step_percent: int = 10
    interval: Duration = "1m"


class AliasSpec(ApiModel):
    """What the alias points to."""

    function: str
    name: str
    version: str
    description: str = ""
    routing_config: RoutingConfig = RoutingConfig()
    rollout: Rollout | None = None
    provisioned_concurrency: int | None = None


class AliasStatus(ApiModel):
    """What Funclet knows of an alias."""

    observed_generation: int | None = None
    conditions: list[Condition] = Field(default_factory=list)
    alias_arn: str | None = None
    version: str | None = None


class Alias(Resource):
    """One alias."""

    kind: Literal["Alias"] = "Alias"
    spec: AliasSpec
    status: AliasStatus = AliasStatus()
