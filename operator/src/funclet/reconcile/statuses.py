"""Which statuses are as they should be: what others say in them is theirs, and no reason to write."""

from collections.abc import Mapping
from typing import Any

from funclet.kube.objects import key_of
from funclet.kube.port import Object
from funclet.plan.conditions import OWN
from funclet.plan.plan import Key
from funclet.plan.status import GATEWAYS_FIELDS

_Status = Mapping[str, Any]


class WrittenStatuses:
    """Remembers where a write left more in a status than it said: the same write would change nothing again."""

    def __init__(self) -> None:
        #: what was written, and what Funclet's part of the status was then
        self._left: dict[Key, tuple[_Status, _Status]] = {}

    def stands(self, known: Object, status: _Status) -> bool:
        """Whether an object has this status, or would have nothing else after it was written."""
        found = _own(known)
        return found == status or self._left.get(key_of(known)) == (status, found)

    def written(self, answer: Object, status: _Status) -> None:
        """Take note of what a write came to."""
        found = _own(answer)
        if found == status:
            self.forget(key_of(answer))
        else:
            self._left[key_of(answer)] = (status, found)

    def forget(self, key: Key) -> None:
        """Take note that an object is gone."""
        self._left.pop(key, None)


def _own(manifest: Object) -> _Status:
    """Leave out what gateways write, and conditions of types that are nobody's here."""
    status = {
        name: value for name, value in _mapping(manifest.get("status")).items() if name not in GATEWAYS_FIELDS
    }
    said = status.get("conditions")
    if isinstance(said, list):
        status["conditions"] = [each for each in said if _mapping(each).get("type") in OWN]
    return status


def _mapping(value: Any) -> _Status:
    return value if isinstance(value, Mapping) else {}
