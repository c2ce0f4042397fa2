"""One call of the Lambda API, and its answer as JSON: for tests of what a function says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from ledger.records import OK
from load.invoking import PATIENCE

if TYPE_CHECKING:
    from load.invoking import Target


@dataclass(frozen=True)
class Answer:
    """What came back: `function_error` is empty where the function did what it should."""

    status: int
    function_error: str
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


async def ask(target: Target, event: Any = None, seconds: float = PATIENCE) -> Answer:
    """Call once. Raises TimeoutError where there is no answer within so many seconds."""
    address = URL(target.address, encoded=True)
    patience = aiohttp.ClientTimeout(total=seconds)
    async with (
        aiohttp.ClientSession(timeout=patience) as session,
        session.post(address, data=json.dumps(event).encode(), headers=target.headers) as answer,
    ):
        text = await answer.text()
    return Answer(answer.status, answer.headers.get("X-Amz-Function-Error", ""), text)


async def answer_of(target: Target, event: Any = None, seconds: float = PATIENCE) -> Any:
    """What the function answers. Raises AssertionError with what it says where it fails."""
    answer = await ask(target, event, seconds)
    assert (answer.status, answer.function_error) == (OK, ""), answer.text
    return answer.json
