"""What a function sees of its namespace: secrets, config maps, a role."""

from collections.abc import Iterator, Mapping
from typing import Any

from funclet.api.rules.environment import variables
from funclet.api.rules.names import MAX_OBJECT_NAME, OBJECT_NAME
from funclet.api.rules.rule import VERSIONED, Rule, matches

_PREFIX = r"^([A-Za-z][A-Za-z0-9_]*)?$"
_PATH = r"^(/[^/:\x00-\x1f\x7f]+)+$"
_PLATFORM = r"^/(dev|opt|proc|sys|tmp|var/runtime|var/task)(/[^\x00]*)?$"
_ROLE_ARN = r"^arn:aws[a-zA-Z-]*:iam::[0-9]{12}:role/[a-zA-Z_0-9+=,.@/-]+$"


def _mounts(spec: Mapping[str, Any]) -> Iterator[str]:
    for field in ("secrets", "configMaps"):
        yield from (item["mountPath"] for item in spec.get(field, ()) if "mountPath" in item)


def _mounts_differ(spec: Mapping[str, Any]) -> bool:
    paths = list(_mounts(spec))
    return len(paths) == len(set(paths))


def _is_role(role: str) -> bool:
    is_name = matches(OBJECT_NAME, role) and len(role) <= MAX_OBJECT_NAME
    return is_name or matches(_ROLE_ARN, role)


def _cel_mounts(field: str) -> str:
    paths = f"self.{field}.filter(item, has(item.mountPath)).map(item, item.mountPath)"
    return f"(has(self.{field}) ? {paths} : [])"


def _mounted(field: str, node: str) -> tuple[Rule, ...]:
    """Make the rules for where they appear as files."""
    return (
        Rule(
            name=f"{field} are mounted at a plain path",
            kinds=VERSIONED,
            node=node,
            cel=f"self.matches(r'{_PATH}') && !self.matches('/[.][.]?(/|$)')",
            message="mountPath must be an absolute path without . or .. between slashes, and without colons",
            holds=lambda path: matches(_PATH, path) and not {".", ".."} & set(path.split("/")),
            whole=True,
        ),
        Rule(
            name=f"{field} are mounted beside the platform's folders",
            kinds=VERSIONED,
            node=node,
            cel=f"!self.matches(r'{_PLATFORM}')",
            message=(
                "mountPath must not lie in /dev, /opt, /proc, /sys, /tmp, /var/runtime or /var/task, "
                "which the platform fills"
            ),
            holds=lambda path: not matches(_PLATFORM, path),
        ),
    )


def _references(field: str) -> tuple[Rule, ...]:
    """Make the rules for one list of Secrets or ConfigMaps."""
    node = f"spec.{field}.*"
    return (
        Rule(
            name=f"{field} are of the own namespace",
            kinds=VERSIONED,
            node=f"{node}.name",
            cel=f"self.matches(r'{OBJECT_NAME}')",
            message=(
                "name must be that of an object in the function's own namespace: lower-case letters, "
                "digits, - and ., at most 253"
            ),
            holds=lambda name: matches(OBJECT_NAME, name),
            whole=True,
        ),
        Rule(
            name=f"{field} reach the function",
            kinds=VERSIONED,
            node=node,
            cel="has(self.variables) || has(self.prefix) || has(self.mountPath)",
            message=f"each of {field} must have one or more of variables, prefix and mountPath",
            holds=lambda item: not {"variables", "prefix", "mountPath"}.isdisjoint(item),
        ),
        Rule(
            name=f"{field} have a plain prefix",
            kinds=VERSIONED,
            node=f"{node}.prefix",
            cel=f"self.matches(r'{_PREFIX}')",
            message="prefix must be letters, digits and _, and begin with a letter, or be empty",
            holds=lambda text: matches(_PREFIX, text),
            whole=True,
        ),
        *_mounted(field, f"{node}.mountPath"),
        *variables(f"{node}.variables", f"variables of {field}"),
    )


RULES = (
    *_references("secrets"),
    *_references("configMaps"),
    Rule(
        name="one mount for each path",
        kinds=VERSIONED,
        node="spec",
        cel=(
            f"[{_cel_mounts('secrets')} + {_cel_mounts('configMaps')}]"
            ".all(paths, paths.all(path, paths.exists_one(other, other == path)))"
        ),
        message="each mountPath in secrets and configMaps must be used only once",
        holds=_mounts_differ,
    ),
    Rule(
        name="a role of the own namespace",
        kinds=VERSIONED,
        node="spec.role",
        cel=f"self.matches(r'{OBJECT_NAME}') && size(self) <= {MAX_OBJECT_NAME} || self.matches(r'{_ROLE_ARN}')",
        message=(
            "role must be the name of a ServiceAccount in the function's own namespace, "
            "or the ARN of an IAM role"
        ),
        holds=_is_role,
        whole=True,
    ),
)
