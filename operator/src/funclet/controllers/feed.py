"""Kopf's watches, which hand every event to the informer; nothing is decided here.

Kopf takes the event loop that it runs in for its own: it ends every task that begins there, and takes over the
signals of the main thread. So it has a thread and a loop to itself, and may fail and begin again.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import kopf
import structlog

from funclet.kube.informer import Informer
from funclet.kube.kinds import TRIMS, kind_of
from funclet.kube.objects import key_of, lean
from funclet.kube.port import Change, Object

_log = structlog.get_logger(__name__)
# It warns each time that it leaves signals alone, which is what it is in a thread for.
logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
#: seconds before Kopf begins again after it failed
_AGAIN = 5.0
#: seconds between tries of one request; whoever runs out of them begins with the list again
_BACKOFFS = (0.5, 1, 2, 4, 8)


class KopfFeed:
    """Feeds an informer, in the event loop that `run` was called in.

    `on_listed` is called for each object of a list, from which nobody learns what is gone by now; `on_heard` is
    told the kind of whatever is seen.
    """

    def __init__(
        self,
        informer: Informer,
        kinds: Sequence[str],
        namespaces: Sequence[str],
        *,
        on_listed: Callable[[], None],
        on_heard: Callable[[str], None] | None = None,
    ) -> None:
        self._informer = informer
        self._kinds = tuple(kinds)
        self._namespaces = tuple(namespaces)
        self._on_listed = on_listed
        self._on_heard = on_heard
        self._stopping = threading.Event()
        #: ends what runs in the thread; there once it runs
        self._end: Callable[[], None] | None = None

    def stop(self) -> None:
        """Make `run` return."""
        self._stopping.set()
        if self._end is not None:
            self._end()

    async def run(self) -> None:
        """Watch until `stop`."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def watch() -> None:
            try:
                asyncio.run(self._watch(loop))
            finally:
                _call(loop, ended.set)

        # Should Kopf not come to an end, the process does.
        threading.Thread(target=watch, name="watches", daemon=True).start()
        try:
            await ended.wait()
        finally:
            self.stop()

    async def _watch(self, owner: asyncio.AbstractEventLoop) -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        self._end = lambda: _call(loop, end.set)
        while not (end.is_set() or self._stopping.is_set()):
            try:
                await self._operate(owner, end)
            except Exception as error:  # noqa: BLE001 - whatever ends Kopf, the operator goes on
                _log.warning("the watches failed and begin again", error=repr(error), again_in=_AGAIN)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), _AGAIN)

    async def _operate(self, owner: asyncio.AbstractEventLoop, end: asyncio.Event) -> None:
        await kopf.operator(
            registry=self._registry(owner),
            settings=_settings(self._kinds),
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            # Left to itself, Kopf looks for the user's name, and a container's user has none.
            identity=cast("Any", "funclet"),
            standalone=True,
            stop_flag=end,
        )

    def _take(self, change: Change, is_listed: bool) -> None:  # noqa: FBT001 - a loop calls with positions alone
        """Hand on what was seen, in the informer's own event loop."""
        if self._on_heard is not None and change.key is not None:
            self._on_heard(change.key.kind)
        self._informer.take(change)
        if is_listed:
            self._on_listed()

    def _registry(self, owner: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
        async def seen(*, type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - Kopf names it
            _call(owner, self._take, _change(type, cast("Object", dict(body))), type is None)

        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(_login)
        for name in self._kinds:
            kind = kind_of(name)
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)(seen)
        return registry


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *arguments: object) -> None:
    # A loop that has ended needs to know nothing any more.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)


def _change(type_: str | None, body: Object) -> Change:
    manifest = lean(body)
    key = key_of(manifest)
    trim = TRIMS.get(key.kind)
    return Change("DELETED" if type_ == "DELETED" else "MODIFIED", key, trim(manifest) if trim else manifest)


def _settings(kinds: Sequence[str]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.persistence.finalizer = "funclet.dev/finalizer"
    settings.networking.request_timeout = 60.0
    settings.networking.error_backoffs = _BACKOFFS
    settings.watching.connect_timeout = 10.0
    settings.watching.chunk_size = 500
    # Neither CustomResourceDefinitions nor namespaces are listed: the chart brings the one, and names the other.
    settings.scanning.disabled = True
    # It would end the whole process.
    settings.process.ultimate_exiting_timeout = None
    for name in kinds:
        kind = kind_of(name)
        if kind.selector:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = kind.selector
    return settings


def _login(**given: Any) -> kopf.ConnectionInfo | None:
    """The same order as everything else has: see kube/config."""
    return kopf.login_with_kubeconfig(**given) or kopf.login_with_service_account(**given)
