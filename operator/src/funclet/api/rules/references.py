"""What a function sees of its namespace: secrets, config maps, a role."""

from collections.abc import Iterator, Mapping
from typing import Any

from funclet.api.rules.environment import variables
from funclet.api.rules.names import MAX_OBJECT_NAME, OBJECT_NAME
from funclet.api.rules.rule import VERSIONED, Rule, matches

_PREFIX = r"^([A-Za-z][A-Za-z0-9_]*)?$"
_PATH = r"^(/[^/:\x00-\x1f\x7f]+)+$"
#: filled by the platform with all that is below; and folders that a mount at this very place would hide
_PLATFORM = (
    r"^(/(dev|funclet|opt|proc|sys|tmp|var/runtime|var/task)(/[^\x00]*)?|/(bin|etc|lib|lib64|sbin|usr|var))$"
)
_KEY = r"^[-._a-zA-Z0-9]{1,253}$"
_ROLE_ARN = r"^arn:aws[a-zA-Z-]*:iam::[0-9]{12}:role/[a-zA-Z_0-9+=,.@/-]+$"


def _mounts(spec: Mapping[str, Any]) -> Iterator[str]:
    for field in ("secrets", "configMaps"):
        yield from (item["mountPath"] for item in spec.get(field, ()) if "mountPath" in item)


def _mounts_are_apart(spec: Mapping[str, Any]) -> bool:
    paths = list(_mounts(spec))
    apart = not any(other.startswith(f"{path}/") for path in paths for other in paths)
    return apart and len(paths) == len(set(paths))


def _is_key(text: str) -> bool:
    return matches(_KEY, text) and text != "." and not text.startswith("..")


def _given(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from spec.get("environment", ())
    for field in ("secrets", "configMaps"):
        for item in spec.get(field, ()):
            yield from item.get("variables", ())


def _given_once(spec: Mapping[str, Any]) -> bool:
    names = list(_given(spec))
    return len(names) == len(set(names))


def _is_role(role: str) -> bool:
    is_name = matches(OBJECT_NAME, role) and len(role) <= MAX_OBJECT_NAME
    return is_name or matches(_ROLE_ARN, role)


def _cel_mounts(field: str) -> str:
    paths = f"self.{field}.filter(item, has(item.mountPath)).map(item, item.mountPath)"
    return f"(has(self.{field}) ? {paths} : [])"


def _cel_variables(field: str) -> str:
    maps = f"self.{field}.filter(item, has(item.variables)).map(item, item.variables)"
    return f"(has(self.{field}) ? {maps} : [])"


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
                "mountPath must not lie in /dev, /funclet, /opt, /proc, /sys, /tmp, /var/runtime or /var/task, "
                "nor be /bin, /etc, /lib, /lib64, /sbin, /usr or /var: it would hide what the platform has there"
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
        Rule(
            name=f"variables of {field} come from keys",
            kinds=VERSIONED,
            node=f"{node}.variables",
            cel=(
                f"self.all(name, self[name].matches(r'{_KEY}')"
                " && self[name] != '.' && !self[name].startsWith('..'))"
            ),
            message=(
                f"keys that variables of {field} are filled from must be 1 to 253 letters, digits, -, _ and ., "
                "not be . and not begin with .."
            ),
            holds=lambda pairs: all(map(_is_key, pairs.values())),
        ),
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
            ".all(paths, paths.all(path, paths.exists_one(other, other == path)"
            " && !paths.exists(other, other.startsWith(path + '/'))))"
        ),
        message="each mountPath in secrets and configMaps must be used only once, and none lie within another",
        holds=_mounts_are_apart,
    ),
    Rule(
        name="one source for each variable",
        kinds=VERSIONED,
        node="spec",
        cel=(
            f"[{_cel_variables('secrets')} + {_cel_variables('configMaps')}"
            " + (has(self.environment) ? [self.environment] : [])]"
            ".all(maps, maps.all(pairs, pairs.all(name, maps.exists_one(other, name in other))))"
        ),
        message="each variable must be given only once in environment and the variables of secrets and configMaps",
        holds=_given_once,
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
