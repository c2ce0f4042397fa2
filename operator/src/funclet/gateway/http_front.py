"""What a listener serves: reads a request's head, begins what it asks for, words what is answered."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from funclet.gateway.ports import Abandonable
from funclet.lambda_api.errors import AwsError


class Answer(NamedTuple):
    """An HTTP answer; no body on 204."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


Respond = Callable[[Answer], None]
#: takes the whole body; Respond runs once, perhaps before this returns. None: it is over already
Begin = Callable[[bytes, Respond], Abandonable | None]


class Front(Protocol):
    """The operation that the fast lane of a listener is for."""

    #: how every one of its requests begins
    beginning: bytes

    def head(self, target: bytes, headers: Mapping[bytes, bytes]) -> Begin | Answer | None:
        """Read the head of a POST, header names in lower case: what begins it, or what it is told once read off.

        None: it is not this operation.
        """
        ...

    def refusal(self, error: AwsError) -> Answer:
        """Word what the listener refuses by itself."""
        ...

    def closing(self) -> Answer:
        """Word what a request is told that comes while the gateway goes down."""
        ...
