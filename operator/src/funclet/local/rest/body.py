"""Bodies of requests: bounded, and JSON or YAML by their content type."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from funclet.local.documents import MAX_DEPTH, YamlError, load_one
from funclet.local.rest.status import BadRequestError, TooLargeError, UnsupportedMediaTypeError

#: bytes; what Kubernetes' own store takes
MAX_BODY = 3 * 512 * 1024
#: seconds for a whole body
BODY_TIMEOUT = 30.0

APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
_JSON = frozenset({"application/json", MERGE_PATCH})
_YAML = frozenset({"application/yaml", "application/x-yaml", APPLY_PATCH})


async def read_body(request: web.Request, limit: int = MAX_BODY) -> bytes:
    """The whole body. Raises TooLargeError, BadRequestError (too slow), UnsupportedMediaTypeError (compressed)."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaTypeError("compressed bodies are not taken here")
    if (request.content_length or 0) > limit:
        raise TooLargeError(f"the body has {request.content_length} bytes; {limit} are allowed")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in request.content.iter_chunked(65536):
                body += chunk
                if len(body) > limit:
                    raise TooLargeError(f"the body has more than the {limit} bytes that are allowed")
    except TimeoutError as error:
        raise BadRequestError(f"the body did not arrive within {BODY_TIMEOUT:.0f} seconds") from error
    return bytes(body)


async def read_object(request: web.Request, allowed: frozenset[str] = _JSON | _YAML) -> Any:
    """The body's value. Raises UnsupportedMediaTypeError, BadRequestError, TooLargeError."""
    if request.content_type not in allowed:
        raise UnsupportedMediaTypeError(
            f"the content type {request.content_type} is not taken here; use {' or '.join(sorted(allowed))}"
        )
    return decode(await read_body(request), as_yaml=request.content_type in _YAML)


def decode(body: bytes, *, as_yaml: bool) -> Any:
    """The value of a JSON or YAML text; JSON is YAML. Raises BadRequestError."""
    try:
        text = body.decode()
        try:
            return _checked(json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once))
        except ValueError:
            if not as_yaml:
                raise
            return _checked(load_one(text))
    except YamlError as error:
        raise BadRequestError(f"the body is not YAML: line {error.line}: {error}") from error
    except UnicodeDecodeError as error:
        raise BadRequestError(f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise BadRequestError("the body is nested too deeply") from error
    except ValueError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON knows")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise BadRequestError(
            f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice"
        )
    return found


def _checked(value: Any) -> Any:
    """The value, if it can be stored: nested within bounds, and text that UTF-8 can write."""
    level = [value]
    for _ in range(MAX_DEPTH):
        try:
            "".join(part for part in level if isinstance(part, str)).encode()
        except UnicodeEncodeError as error:
            raise BadRequestError("the body contains half of a surrogate pair") from error
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return value
    raise BadRequestError(f"the body is nested more than {MAX_DEPTH} deep")


def _children(parent: Any) -> Iterable[Any]:
    if isinstance(parent, dict):
        return (*parent, *parent.values())
    return parent if isinstance(parent, list) else ()
