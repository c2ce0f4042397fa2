"""Names of what Funclet makes: readable, at most 63 characters, and never the same for two things."""

import base64
import hashlib
import json
import re

MAX_NAME = 63
_HASH = 10
_OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def is_object_name(text: str) -> bool:
    """Whether Kubernetes takes the text as a DNS label."""
    return len(text) <= MAX_NAME and _OBJECT_NAME.fullmatch(text) is not None


def object_name(lambda_name: str) -> str:
    """Name the Function object of this Lambda name: the same where Kubernetes takes it, else derived."""
    return lambda_name if is_object_name(lambda_name) else _derived((lambda_name,), ("function", lambda_name))


def version_name(function: str, version: str) -> str:
    """Name a FunctionVersion, such as `greet-v3-x7k2m9q4ab`."""
    return _derived((function, f"v{version}"), ("version", function, version))


def alias_name(function: str, alias: str) -> str:
    """Name an Alias that Funclet makes."""
    return _derived((function, alias), ("alias", function, alias))


def revision_name(namespace: str, function: str, version: str, content: str) -> str:
    """Name a revision; `content` is the hash of what it runs."""
    readable = "latest" if version == "$LATEST" else f"v{version}"
    return _derived((function, readable), ("revision", namespace, function, version, content))


def label_value(name: str) -> str:
    """Give an object's name as a label's value: the same where it fits, else cut, with a hash.

    An underscore, which no object's name has, keeps a cut name from being the same as a short one.
    """
    if len(name) <= MAX_NAME:
        return name
    return f"{name[: MAX_NAME - 1 - _HASH].rstrip('-.')}_{_suffix(('label', name))}"


def _derived(readable: tuple[str, ...], identity: tuple[str, ...]) -> str:
    suffix = _suffix(identity)
    # The last part tells siblings apart for a reader, so a long name loses from its first part.
    tail = "".join(f"-{slug}" for part in readable[1:] if (slug := _slug(part)[:20].strip("-")))
    room = MAX_NAME - len(tail) - 1 - _HASH
    head = _slug(readable[0])[:room].strip("-") or "f"
    return f"{head}{tail}-{suffix}"


def _suffix(identity: tuple[str, ...]) -> str:
    digest = hashlib.sha256(json.dumps(identity).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_HASH]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
