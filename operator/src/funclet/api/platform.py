"""platform.yaml: what a cluster's administrator decides, and the chart writes."""

from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from funclet.api.base import ApiModel
from funclet.api.rules.names import NAMESPACE, OBJECT_NAME
from funclet.api.rules.problems import Problem, dotted, from_pydantic
from funclet.api.runtimes import DEPRECATED, RUNTIMES

_REFERENCE = r"^[a-z0-9][a-zA-Z0-9._:/-]*$"
_DIGEST = r"^sha256:[0-9a-f]{64}$"
REGION: Final = r"^[a-z][a-z0-9-]{0,62}$"
_URL = r"^http://[A-Za-z0-9.\[\]:-]+$"
_LABEL = r"^([A-Za-z0-9][A-Za-z0-9.-]*/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"
_LABEL_VALUE = r"^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$"

LabelName = Annotated[str, Field(max_length=317, pattern=_LABEL)]
LabelValue = Annotated[str, Field(max_length=63, pattern=_LABEL_VALUE)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=OBJECT_NAME)]


class PlatformError(ValueError):
    """A platform.yaml that cannot be used; `problems` are all that is wrong with it, by field."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(f"platform.yaml: {problem}" for problem in problems))
        self.problems = problems


class Image(ApiModel):
    """An image by its digest: the same bytes on every node, today and later."""

    ref: Annotated[
        str,
        Field(
            description="The image's name; a tag is for people, the digest decides.",
            max_length=512,
            pattern=_REFERENCE,
        ),
    ]
    digest: Annotated[
        str, Field(description="sha256: and 64 hexadecimal digits.", max_length=71, pattern=_DIGEST)
    ]
    pull_policy: Annotated[
        Literal["Always", "IfNotPresent", "Never"],
        Field(description="When a node asks the registry."),
    ] = "IfNotPresent"


class RuntimeImage(ApiModel):
    """One runtime: the names that mean it, its image, and what is executed in it."""

    names: Annotated[
        list[Annotated[str, Field(max_length=64)]],
        Field(
            description="Names in spec.runtime, such as python3.13 and python.", min_length=1, max_length=16
        ),
    ]
    image: Annotated[Image, Field(description="The image, with the supervisor in /funclet.")]
    command: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=4096)]],
        Field(
            description="The runtime process; {handler} in a word stands for spec.handler.",
            min_length=1,
            max_length=64,
        ),
    ]


class Toleration(ApiModel):
    """Kubernetes' Toleration."""

    key: Annotated[
        str | None, Field(description="The taint's key; every one unless set.", max_length=317)
    ] = None
    operator: Annotated[
        Literal["Exists", "Equal"] | None, Field(description="Equal unless set: the value counts too.")
    ] = None
    value: Annotated[str | None, Field(description="The taint's value.", max_length=63)] = None
    effect: Annotated[
        Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None,
        Field(description="The taint's effect; every one unless set."),
    ] = None
    toleration_seconds: Annotated[
        int | None,
        Field(description="For NoExecute: how long a pod stays; for ever unless set.", ge=0, le=2**31 - 1),
    ] = None


class PullSecret(ApiModel):
    """A Secret with a registry's credentials, in the namespace of each function."""

    name: Annotated[ObjectName, Field(description="The Secret's name.")]


class Pods(ApiModel):
    """What holds for all function pods."""

    cpu_limit: Annotated[
        bool, Field(description="Whether an instance is held to its share of CPU; else it may use idle CPU.")
    ] = False
    priority_class_name: Annotated[
        ObjectName | None, Field(description="The PriorityClass of function pods.")
    ] = None
    node_selector: Annotated[
        dict[LabelName, LabelValue], Field(description="Labels that a node must have.", max_length=32)
    ] = Field(default_factory=dict)
    tolerations: Annotated[
        list[Toleration], Field(description="Taints that do not keep function pods away.", max_length=32)
    ] = Field(default_factory=list)
    image_pull_secrets: Annotated[
        list[PullSecret],
        Field(description="Secrets of each function's namespace with registry credentials.", max_length=16),
    ] = Field(default_factory=list)
    run_as_user: Annotated[
        int | None,
        Field(
            description="User and group that functions run as, never root; null: whom the namespace or the "
            "image says.",
            ge=1,
            le=2**31 - 1,
        ),
    ] = 65532
    runtime_class_name: Annotated[
        ObjectName | None, Field(description="The RuntimeClass of function pods, such as gvisor.")
    ] = None


class PlatformConfig(ApiModel):
    """The file as a whole."""

    region: Annotated[
        str, Field(description="The region in ARNs and in AWS_REGION.", max_length=63, pattern=REGION)
    ]
    default_namespace: Annotated[
        str,
        Field(description="Where calls go that name no account.", max_length=63, pattern=NAMESPACE),
    ] = "default"
    gateway_internal_url: Annotated[
        str,
        Field(
            description="Where pods reach the gateways' internal listener: plain HTTP, without a path.",
            max_length=512,
            pattern=_URL,
        ),
    ]
    supervisor_image: Annotated[
        Image, Field(description="Brings the supervisor into the pods of image functions.")
    ]
    runtimes: Annotated[
        list[RuntimeImage], Field(description="The runtimes that can run here.", max_length=64)
    ]
    pods: Annotated[Pods, Field(description="What holds for all function pods.")] = Pods()

    @model_validator(mode="after")
    def _names_mean_one_thing(self) -> Self:
        known = {*RUNTIMES, *DEPRECATED}
        seen: set[str] = set()
        for index, runtime in enumerate(self.runtimes):
            for name in runtime.names:
                if name not in known or name in seen:
                    wrong = "is already another runtime's" if name in seen else "is no name of a runtime"
                    raise ValueError(f"runtimes[{index}].names: {name} {wrong}")
                seen.add(name)
        return self


def load(text: str) -> PlatformConfig:
    """Read the file's text. Raises PlatformError, which names every field that is wrong."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PlatformError((Problem("", f"is not YAML: {_one_line(error)}"),)) from None
    if not isinstance(content, dict):
        raise PlatformError((Problem("", "must be a mapping with region, runtimes and more"),))
    try:
        return PlatformConfig.model_validate(content, by_alias=True, by_name=False)
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = [from_pydantic(detail, {}) for detail in details]
    found = {Problem(dotted(each.path), each.message.removeprefix("value error, ")) for each in problems}
    raise PlatformError(tuple(sorted(found)))


def _one_line(error: Any) -> str:
    return " ".join(str(error).split())
