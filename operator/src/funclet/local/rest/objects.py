"""The verbs on functions, versions and aliases: what each does to the store."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from aiohttp import web

from funclet.kube.objects import key_of
from funclet.kube.port import ConflictError, KubePort, NotFoundError, Object
from funclet.local.rest.body import APPLY_PATCH, MERGE_PATCH, decode, read_body, read_object
from funclet.local.rest.errors import told
from funclet.local.rest.kinds import API_VERSION, BY_PLURAL, Kind, discovery
from funclet.local.rest.patch import at_url, check_version, is_name, merge_patch, without_server_fields
from funclet.local.rest.selectors import selector
from funclet.local.rest.status import BadRequestError, UnsupportedMediaTypeError, success
from funclet.local.rest.streams import stream
from funclet.local.rest.watch import Watch, collection_version
from funclet.plan.plan import Key

_BASE = f"/apis/{API_VERSION}"
_KINDS = "{plural:" + "|".join(BY_PLURAL) + "}"
_OBJECTS = _BASE + "/namespaces/{namespace}/" + _KINDS
_TRUE = frozenset({"true", "1"})
#: query parameters that change what a write does, and that are not obeyed here
_NOT_OBEYED = ("dryRun", "propagationPolicy", "gracePeriodSeconds")


#: how often a patch is made anew on an object that was changed meanwhile; as often as Kubernetes does
_PATCH_TRIES = 5


class ReplacingKube(KubePort, Protocol):
    """A store that can also replace an object whole, whoever applied what of it."""

    async def replace(self, manifest: Mapping[str, Any], *, manager: str) -> Object:
        """Make the object what the manifest says, but for its status; what changes is the manager's.

        Raises NotFoundError, InvalidError, ConflictError (another uid or resourceVersion).
        """
        ...

    async def replace_status(self, key: Key, status: Mapping[str, Any], *, manager: str) -> Object:
        """Make the whole status this, whoever said what of it. Raises NotFoundError, InvalidError."""
        ...


def object_routes(kube: ReplacingKube) -> list[web.RouteDef]:
    """Discovery and the verbs on functions, versions and aliases."""
    rest = _Rest(kube)
    one, status = f"{_OBJECTS}/{{name}}", f"{_OBJECTS}/{{name}}/status"
    return [
        web.get(_BASE, _discover),
        web.get(_OBJECTS, told(rest.list_or_watch)),
        web.post(_OBJECTS, told(rest.create)),
        web.get(one, told(rest.get)),
        web.put(one, told(rest.replace)),
        web.patch(one, told(rest.patch)),
        web.delete(one, told(rest.delete)),
        web.get(status, told(rest.get)),
        web.put(status, told(rest.replace_status)),
        web.patch(status, told(rest.patch_status)),
    ]


async def _discover(_request: web.Request) -> web.Response:
    return web.json_response(discovery())


class _Rest:
    """The handlers. Writes come one after another: each reads, checks and then applies."""

    def __init__(self, kube: ReplacingKube) -> None:
        self._kube = kube
        self._writing = asyncio.Lock()

    async def list_or_watch(self, request: web.Request) -> web.StreamResponse:
        kind, namespace, query = _kind(request), request.match_info["namespace"], request.query
        wanted = selector(query)
        if query.get("watch") in _TRUE:
            watch = Watch(
                kind.kind,
                namespace,
                wanted,
                since=query.get("resourceVersion", ""),
                bookmarks=query.get("allowWatchBookmarks") in _TRUE,
            )
            lines = watch.lines(self._kube)
            return await stream(request, lines, content_type="application/json", seconds=_seconds(query))
        found = await self._kube.list(kind.kind, namespace)
        return web.json_response(
            {
                "kind": f"{kind.kind}List",
                "apiVersion": API_VERSION,
                "metadata": {"resourceVersion": collection_version(found)},
                "items": [each for each in found if wanted(each)],
            }
        )

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(await self._kube.get(_key(request)))

    async def create(self, request: web.Request) -> web.Response:
        manager = _manager(request, "create")
        manifest = at_url(
            await read_object(request), _kind(request).kind, request.match_info["namespace"], None
        )
        async with self._writing:
            if await self._find(key_of(manifest)) is not None:
                name, plural = manifest["metadata"]["name"], request.match_info["plural"]
                raise ConflictError(f'{plural}.funclet.dev "{name}" already exists')
            made = await self._kube.apply(without_server_fields(manifest), manager=manager)
        return web.json_response(made, status=201)

    async def replace(self, request: web.Request) -> web.Response:
        manager = _manager(request, "update")
        manifest = self._at_url(request, await read_object(request))
        async with self._writing:
            changed = await self._kube.replace(manifest, manager=manager)
        return web.json_response(changed)

    async def patch(self, request: web.Request) -> web.Response:
        match request.content_type:
            case "application/apply-patch+yaml":
                return await self._apply(request)
            case "application/merge-patch+json":
                return await self._merge(request)
            case other:
                raise UnsupportedMediaTypeError(_PATCHES.format(other))

    async def _apply(self, request: web.Request) -> web.Response:
        manager = _manager(request, None)
        manifest = self._at_url(request, await read_object(request, frozenset({APPLY_PATCH})))
        async with self._writing:
            before = await self._find(key_of(manifest))
            if before is not None:
                check_version(manifest, before)
            after = await self._kube.apply(without_server_fields(manifest), manager=manager)
        return web.json_response(after, status=201 if before is None else 200)

    async def _merge(self, request: web.Request) -> web.Response:
        manager = _manager(request, "patch")
        patch = await read_object(request, frozenset({MERGE_PATCH}))
        async with self._writing:
            return web.json_response(await self._merged(request, patch, manager))

    async def _merged(self, request: web.Request, patch: Any, manager: str) -> Object:
        """Patch the object as it is, and again where somebody else was faster, as an API server does."""
        tries_left = _PATCH_TRIES
        while True:
            current = await self._kube.get(_key(request))
            manifest = self._at_url(request, merge_patch(current, patch))
            tries_left -= 1
            try:
                return await self._kube.replace(manifest, manager=manager)
            except ConflictError:
                seen = current["metadata"]["resourceVersion"]
                if manifest["metadata"]["resourceVersion"] != seen or not tries_left:
                    raise

    async def delete(self, request: web.Request) -> web.Response:
        body = await read_body(request)
        options = decode(body, as_yaml=False) if body else {}
        uid = _uid_wanted(options)
        _obeyed(request)
        key = _key(request)
        async with self._writing:
            found = await self._kube.get(key)
            await self._kube.delete(key, uid=uid)
        return web.json_response(
            success(request.match_info["plural"], key.name, found["metadata"].get("uid"))
        )

    async def replace_status(self, request: web.Request) -> web.Response:
        return await self._write_status(request, await read_object(request), merge=False)

    async def patch_status(self, request: web.Request) -> web.Response:
        if request.content_type not in {APPLY_PATCH, MERGE_PATCH}:
            raise UnsupportedMediaTypeError(_PATCHES.format(request.content_type))
        return await self._write_status(request, await read_object(request), merge=True)

    async def _write_status(self, request: web.Request, body: Any, *, merge: bool) -> web.Response:
        manager = _manager(request, "status")
        sent = self._at_url(request, body)
        async with self._writing:
            current = await self._kube.get(_key(request))
            check_version(sent, current)
            old, new = current.get("status", {}), sent.get("status", {})
            status = merge_patch(old, new) if merge else new
            if not isinstance(status, dict):
                raise BadRequestError("status must be an object")
            changed = await self._kube.replace_status(_key(request), status, manager=manager)
        return web.json_response(changed)

    async def _find(self, key: Key) -> Object | None:
        try:
            return await self._kube.get(key)
        except NotFoundError:
            return None

    @staticmethod
    def _at_url(request: web.Request, body: Any) -> Object:
        return at_url(body, _kind(request).kind, request.match_info["namespace"], request.match_info["name"])


_PATCHES = f"the patch type {{}} is not taken here; use {APPLY_PATCH} or {MERGE_PATCH}"


def _kind(request: web.Request) -> Kind:
    return BY_PLURAL[request.match_info["plural"]]


def _key(request: web.Request) -> Key:
    """Raises NotFoundError for what cannot be a name, so that it never reaches the store."""
    info = request.match_info
    if not (is_name(info["name"]) and is_name(info["namespace"])):
        raise NotFoundError(f'{info["plural"]}.funclet.dev "{info["name"][:100]}" not found')
    return Key(_kind(request).kind, info["namespace"], info["name"])


def _manager(request: web.Request, default: str | None) -> str:
    """Who writes. Raises BadRequestError where it must be said and is not."""
    _obeyed(request)
    manager = request.query.get("fieldManager", default)
    if not manager or len(manager) > 128 or not manager.isprintable():  # noqa: PLR2004  # as Kubernetes bounds it
        raise BadRequestError("say who applies: fieldManager=NAME, at most 128 printable characters")
    return manager


def _obeyed(request: web.Request) -> None:
    for name in _NOT_OBEYED:
        if name in request.query:
            raise BadRequestError(f"{name} is not supported here; leave it out")


def _uid_wanted(options: Any) -> str | None:
    preconditions = options.get("preconditions", {}) if isinstance(options, dict) else None
    uid = preconditions.get("uid") if isinstance(preconditions, dict) else ""
    if uid is not None and not (isinstance(uid, str) and uid):
        raise BadRequestError("the body of a DELETE is a DeleteOptions object; preconditions.uid is text")
    return uid


def _seconds(query: Any) -> float | None:
    text = query.get("timeoutSeconds", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004  # thirty years
        raise BadRequestError(f"timeoutSeconds is not a number: {text[:20]!r}")
    return float(text) if text and int(text) else None
