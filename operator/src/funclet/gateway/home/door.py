"""Takes in the calls that other gateways bring to the home of their function."""

from collections.abc import Callable, Mapping
from functools import partial

from funclet.gateway.home import messages
from funclet.gateway.home.homes import Homes
from funclet.gateway.home.replays import Replays
from funclet.gateway.http_front import Answer, Begin, Respond
from funclet.gateway.invoke import MOVED_AWAY, Done, Outcome
from funclet.gateway.ports import Abandonable
from funclet.lambda_api.errors import AwsError

_PATH, _PROVE = messages.PATH.encode(), messages.PROVE.encode()

#: begins a relayed call here, never relaying it again; None: this function or version is not known here
BeginHere = Callable[[messages.RelayedCall, bytes, Done], Abandonable | None]


class RelayFront:
    """The front of the internal listener."""

    beginning = b"POST " + _PATH

    def __init__(self, homes: Homes, key: bytes, begin: BeginHere, *, wall: Callable[[], float]) -> None:
        self._homes = homes
        self._key = key
        self._begin = begin
        self._wall = wall
        self._replays = Replays()

    def head(self, target: bytes, headers: Mapping[bytes, bytes]) -> Begin | Answer | None:
        """See Front. Whether a call is to run here is decided before anything of its body is read."""
        try:
            if target == _PROVE:
                return Answer(200, list(messages.proof(headers, self._homes.own, self._key).items()), b"")
            if target != _PATH:
                return None
            call = self._known(headers)
        except messages.RelayError as error:
            return _unbelieved(str(error))
        self._homes.heed(call.passed_over)
        if not self._homes.is_own(call.namespace, call.function):
            return self._not_home()
        return partial(self._run, call)

    def refusal(self, error: AwsError) -> Answer:
        """See Front."""
        return _outcome(error, error.status)

    def closing(self) -> Answer:
        """See Front."""
        return _not_started(messages.LEAVING)

    def _known(self, headers: Mapping[bytes, bytes]) -> messages.RelayedCall:
        """Read whose call it is. Raises RelayError."""
        now = self._wall()
        call, signed = messages.incoming(headers, self._homes.own, self._key, now)
        if not self._replays.is_first(signed, call.nonce, now):
            raise messages.RelayError("this call came before")
        return call

    def _run(self, call: messages.RelayedCall, body: bytes, respond: Respond) -> Abandonable | None:
        if not messages.is_body(call, body):
            respond(_unbelieved("the body is not the one that was signed for"))
            return None
        under_way = self._begin(call, body, lambda outcome: respond(self._answer(outcome)))
        if under_way is None:
            respond(_not_started(messages.NOT_KNOWN))
        return under_way

    def _answer(self, outcome: Outcome) -> Answer:
        return self._not_home() if outcome is MOVED_AWAY else _outcome(outcome)

    def _not_home(self) -> Answer:
        return _not_started(messages.LEAVING if self._homes.is_leaving else messages.NOT_HOME)


def _outcome(outcome: Outcome, status: int = 200) -> Answer:
    headers, body = messages.answer(outcome)
    return Answer(status, list(headers.items()), body)


def _not_started(reason: str) -> Answer:
    return Answer(503, list(messages.not_started(reason).items()), b"")


def _unbelieved(why: str) -> Answer:
    return Answer(401, [], f"{why}\n".encode())
