"""Pods that a gateway does not hold and in which a call of the home before it may still run.

For all other calls that is no matter; those of a function with reserved concurrency count until the pod is gone.
"""

from collections.abc import Callable, Iterable

from funclet.gateway.deployments.pods import read_pod
from funclet.kube.informer import Informer
from funclet.kube.port import Object
from funclet.plan.labels import FUNCTION_NAME
from funclet.plan.plan import Key
from funclet.plan.route_table import RouteKey

#: an index of the informer: pods by namespace and Lambda name of their function
BY_FUNCTION = "function"


class Lingering:
    """The functions whose home this gateway became, with the pods that were left to themselves."""

    def __init__(self, informer: Informer, on_change: Callable[[RouteKey, int], None]) -> None:
        """`on_change` is told how many such pods a function has, whenever that changes."""
        self._informer = informer
        self._on_change = on_change
        self._own: set[RouteKey] = set()
        self._left: dict[RouteKey, set[str]] = {}
        informer.subscribe(self._changed)

    def take_over(self, where: RouteKey, held: Iterable[str]) -> None:
        """Take note of all pods of a function that are on their way out, or of no revision in `held`.

        Only once: what goes while this gateway is home, it knows.
        """
        if where in self._own:
            return
        self._own.add(where)
        keys = set(held)
        pods = [read_pod(each) for each in self._informer.find(BY_FUNCTION, where)]
        left = {
            pod.uid
            for pod in pods
            if pod is not None
            and pod.bound
            and pod.ended is None
            and (pod.leaving or pod.revision not in keys)
        }
        if left:
            self._left[where] = left
            self._on_change(where, len(left))

    def let_go(self, where: RouteKey) -> None:
        """Forget a function that has another home now, or is gone."""
        self._own.discard(where)
        if self._left.pop(where, None) is not None:
            self._on_change(where, 0)

    def _changed(self, key: Key, before: Object | None, after: Object | None) -> None:
        known = before if after is None else after
        if key.kind != "Pod" or not self._left or known is None:
            return
        pod = read_pod(known)
        for where in by_function(known) if pod is not None else ():
            left = self._left.get(where, set())
            if pod is not None and pod.uid in left and (after is None or pod.ended is not None):
                left.discard(pod.uid)
                self._on_change(where, len(left))
                if not left:
                    del self._left[where]


def by_function(manifest: Object) -> list[RouteKey]:
    """Index pods by the function that they are of."""
    metadata = manifest["metadata"]
    name = (metadata.get("annotations") or {}).get(FUNCTION_NAME)
    return [(metadata["namespace"], name)] if manifest["kind"] == "Pod" and isinstance(name, str) else []
