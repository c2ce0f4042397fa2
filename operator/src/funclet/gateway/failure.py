"""Why a revision does not come up, as its callers and its status are told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A named reason and a sentence; `payload` is Lambda's error payload where init itself answered."""

    reason: str
    message: str
    payload: bytes | None = None


#: told to those who wait when another gateway becomes the home of their function
MOVED = Failure("HomeMoved", "Another gateway looks after this function now.")


class StartFailedError(Exception):
    """A call that cannot be run because its revision does not come up."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.reason}: {failure.message}")
        self.failure = failure
