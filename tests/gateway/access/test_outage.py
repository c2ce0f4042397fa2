"""When an API server counts as away, and until when; time jumps."""

import asyncio

import pytest

from funclet.gateway.access.outage import Outage
from funclet.kube.cluster_port import ForbiddenError, UnreachableError
from funclet.kube.errors import error_of
from funclet.kube.port import KubeError
from support.virtual import virtually


class Gateway:
    """Asks, and notes when it is told of silence."""

    def __init__(self) -> None:
        self.silences: list[float] = []
        self.loop = asyncio.get_running_loop()
        self.begun = self.loop.time()
        self.outage = Outage(lambda: self.silences.append(self.passed()))

    def passed(self) -> float:
        return round(self.loop.time() - self.begun, 3)

    async def ask(self, seconds: float) -> None:
        async with self.outage.asking():
            await asyncio.sleep(seconds)
            self.outage.answered()


@pytest.mark.parametrize(
    ("error", "sign"),
    [
        (UnreachableError("no route to host"), True),
        (TimeoutError(), True),
        (KubeError("etcd has no leader"), True),
        (error_of({"code": 429, "message": "too many"}), True),
        (error_of({"code": 500, "reason": "InternalError"}), True),
        (ForbiddenError("tokenreviews is forbidden"), False),
        (error_of({"code": 401, "message": "who are you"}), False),
        (error_of({"code": 404, "message": "no such path"}), False),
    ],
)
def test_what_is_a_sign_of_an_outage_and_what_of_its_end(
    error: KubeError | TimeoutError, *, sign: bool
) -> None:
    for before in (True, False):
        outage = Outage(lambda: None)
        outage.present = before
        assert outage.is_sign(error) is sign
        assert outage.present is sign


@virtually
async def test_silence_is_noticed_after_a_second_and_again_until_the_question_ends() -> None:
    gateway = Gateway()
    with pytest.raises(TimeoutError):
        await gateway.ask(60.0)
    assert gateway.silences[:9] == pytest.approx(list(range(1, 10)), abs=0.01)
    assert gateway.passed() == pytest.approx(10.0, abs=0.01)
    assert gateway.outage.present
    gateway.silences.clear()
    await asyncio.sleep(5.0)
    assert gateway.silences == []


@virtually
async def test_while_others_are_answered_a_slow_answer_is_no_silence() -> None:
    gateway = Gateway()
    slow = asyncio.create_task(gateway.ask(5.0))
    for _ in range(6):
        await gateway.ask(0.7)
    await slow
    assert gateway.silences == []
    assert not gateway.outage.present


@virtually
async def test_an_answer_ends_it() -> None:
    gateway = Gateway()
    slow = asyncio.create_task(gateway.ask(1.5))
    await asyncio.sleep(1.2)
    assert gateway.outage.present
    await slow
    assert not gateway.outage.present
