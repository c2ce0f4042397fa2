"""One connection pool to an API server: requests, streams, and who we are. Only this knows a Kubernetes client."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from funclet.kube.cluster_port import UnreachableError
from funclet.kube.config import InPod, NoClusterError, Source
from funclet.kube.errors import error_of_answer
from funclet.kube.port import Object

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient, Configuration

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
_JSON = "application/json"

REQUEST = aiohttp.ClientTimeout(total=30, sock_connect=5)
#: seconds that a server may ask us to wait before a request is sent again; it is, once
_LONGEST_WAIT = 10.0
_TOO_MANY = 429
#: called before a request is sent again; raises where the reason to send it may have passed meanwhile
before_again: ContextVar[Callable[[], None]] = ContextVar("before_again", default=lambda: None)


class Connection:
    """Speaks JSON with one API server. Whatever goes wrong is a KubeError."""

    def __init__(self, client: "ApiClient") -> None:
        self._client = client
        client.default_headers["User-Agent"] = f"funclet/{metadata.version('funclet')}"

    @property
    def server(self) -> str:
        """The server's URL."""
        return str(self._client.configuration.host)

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()  # type: ignore[no-untyped-call]  # the client's own gap

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
        within: aiohttp.ClientTimeout = REQUEST,
    ) -> Object:
        """Send one request and read its answer. Raises KubeError."""
        async with self.open(
            method, path, query=query, body=body, content_type=content_type, within=within
        ) as answer:
            raw = await answer.read()
        try:
            return cast("Object", json.loads(raw))
        except ValueError as error:
            raise UnreachableError(f"{self.server} does not answer in JSON; is it an API server?") from error

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
        within: aiohttp.ClientTimeout = REQUEST,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request; what is read of the answer afterwards raises KubeError too."""
        url = URL(self.server + path + (f"?{urlencode(query)}" if query else ""), encoded=True)
        try:
            answer = await self._send(method, url, body, content_type, within)
            if (wait := _asked_to_wait(answer)) is not None:
                answer.close()
                await asyncio.sleep(wait)
                before_again.get()()
                answer = await self._send(method, url, body, content_type, within)
            async with answer:
                if not answer.ok:
                    raise error_of_answer(answer.status, await answer.read())
                try:
                    yield answer
                finally:
                    _break_off(answer)
        except (aiohttp.ClientError, OSError) as error:
            # TimeoutError is an OSError, and says nothing by itself.
            raise UnreachableError(f"{self.server}: {str(error) or 'no answer in time'}") from error

    async def _send(
        self,
        method: str,
        url: URL,
        body: Mapping[str, Any] | None,
        content_type: str,
        within: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        headers = {"Content-Type": content_type, "Accept": _JSON, **self._client.default_headers}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], url.path, method, body)
        answer = await self._client.rest_client.request(  # type: ignore[no-untyped-call]  # as in `close`
            method, url, headers=headers, body=body, _request_timeout=within
        )
        return cast("aiohttp.ClientResponse", answer.response)


def _break_off(answer: aiohttp.ClientResponse) -> None:
    """Let go of an answer that was not read to its end: a farewell over TLS would outlive whoever waits for it."""
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


def _asked_to_wait(answer: aiohttp.ClientResponse) -> float | None:
    """Seconds, where a server that is too busy says when it will not be."""
    after = answer.headers.get("Retry-After", "")
    if answer.status != _TOO_MANY or not after.isdecimal() or int(after) > _LONGEST_WAIT:
        return None
    return float(after)


async def open_connection(source: Source) -> Connection:
    """Get ready to speak with a cluster; nothing is sent yet. Raises NoClusterError."""
    # Imported here, since it takes 0.2 s and 23 MB, and a laptop has no cluster.
    from kubernetes.aio.client import ApiClient  # noqa: PLC0415  # as just said

    return Connection(ApiClient((await load(source)).configuration))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a source says; `context` is a kubeconfig's, as it stands there with its name, and empty in a pod."""

    configuration: "Configuration"
    context: Mapping[str, Any]


async def load(source: Source) -> Loaded:
    """Read how to speak with a cluster, asking a credential plugin where there is one. Raises NoClusterError."""
    from kubernetes.aio.client import Configuration  # noqa: PLC0415 - as above

    # Each watch holds a connection, and there may be many: no limit.
    configuration = Configuration(connection_pool_maxsize=0)
    # As kubectl does: many a cluster's own authority leaves out what Python 3.13 asks for beyond a sound chain.
    vars(configuration)["disable_strict_ssl_verification"] = True
    if isinstance(source, InPod):
        _load_pod(configuration)
        return Loaded(configuration, {})
    return Loaded(configuration, await _load_file(configuration, source.path, source.context))


def _load_pod(configuration: "Configuration") -> None:
    from kubernetes.aio.config import ConfigException, load_incluster_config  # noqa: PLC0415 - as above

    try:
        load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # the client's own gap
    except (ConfigException, OSError) as error:
        raise NoClusterError(f"this pod has no usable service account: {error}") from error


async def _load_file(configuration: "Configuration", path: str, context: str | None) -> Mapping[str, Any]:
    from kubernetes.aio.config import ConfigException, load_kube_config  # noqa: PLC0415 - as above
    from yaml import YAMLError  # noqa: PLC0415 - as above

    try:
        loader = await load_kube_config(  # type: ignore[no-untyped-call]  # the client's own gap
            path, context, configuration, persist_config=False
        )
    except (ConfigException, YAMLError, OSError, ValueError) as error:
        raise NoClusterError(f"{path}: {error}") from error
    except (TypeError, AttributeError, KeyError) as error:
        # The client trips over what is not there.
        raise NoClusterError(
            f"{path} is no kubeconfig, or its context names no user that is in it"
        ) from error
    loaded = vars(loader)
    plugin = (loaded["_user"].value if loaded["_user"] is not None else {}).get("exec")
    if plugin is not None and not loaded.get("token") and not loaded.get("cert_file"):
        raise NoClusterError(f"{path}: the credential plugin {plugin.get('command')} gave no credentials")
    if "exec_plugin_expiry" in loaded:
        # The client declares no type for what it calls before each request.
        vars(configuration)["refresh_api_key_hook"] = _Renewal(loader)
    return cast("Mapping[str, Any]", loader.current_context)


class _Renewal:
    """Asks a kubeconfig's credential plugin again when what it gave runs out."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    async def __call__(self, configuration: "Configuration") -> None:
        await self._loader.load_from_exec_plugin()
        configuration.api_key["BearerToken"] = self._loader.token
