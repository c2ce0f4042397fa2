"""Who may call: a table, and what is remembered for how long, on a clock that a test moves."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

import pytest

from funclet.gateway.access import answers
from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.answers import LONGEST, NO, WHO, YES
from funclet.gateway.access.open import OpenAccess
from funclet.gateway.access.port import Request
from funclet.gateway.access.tokens import TokenAccess
from funclet.gateway.ports import Abandonable
from funclet.kube.cluster_port import Caller, ForbiddenError, UnreachableError
from funclet.kube.port import KubeError
from funclet.lambda_api.arn import function_arn
from funclet.lambda_api.errors import AwsError
from funclet.plan.accounts import derived_account
from funclet.plan.revision import Platform
from support.clock import Clock
from support.gateway import until
from support.virtual import virtually

CHART = "the-token-of-the-chart"
ALICE = Caller("alice", "1", ("dev",))
BOT = Caller("system:serviceaccount:shop:bot", "2")
PLATFORM = Platform(None, "us-east-1", {})


@dataclass
class Reviewer:
    """An API server that knows some tokens."""

    callers: dict[str, Caller] = field(default_factory=lambda: {"alice": ALICE, "bot": BOT})
    #: who may, and where, and what
    rights: set[tuple[str, str, str]] = field(
        default_factory=lambda: {("alice", "default", "hello"), (BOT.name, "shop", "pay")}
    )
    away: KubeError | None = None
    #: what befalls questions about rights alone
    mute: KubeError | None = None
    gate: asyncio.Event | None = None
    #: tokens for which the gate is shut; None: for all
    slow: set[str] | None = None
    reviews: int = 0
    questions: int = 0
    #: questions that it has at once, and had at most
    present: int = 0
    most: int = 0

    async def review_token(self, token: str, audiences: tuple[str, ...]) -> Caller | None:
        self.reviews += 1
        await self._wait(token)
        assert audiences == ("funclet",)
        return self.callers.get(token)

    async def may(self, caller: Caller, *, verb: str, resource: str, namespace: str, name: str) -> bool:
        self.questions += 1
        await self._wait(caller.name)
        if self.mute is not None:
            raise self.mute
        assert (verb, resource) == ("invoke", "functions")
        return (caller.name, namespace, name) in self.rights

    async def _wait(self, whose: str) -> None:
        self.present += 1
        self.most = max(self.most, self.present)
        if self.gate is not None and (self.slow is None or whose in self.slow):
            await self.gate.wait()
        await asyncio.sleep(0)
        self.present -= 1
        if self.away is not None:
            raise self.away


class Door:
    """The access of one gateway."""

    def __init__(self, *, reviewer: bool = True) -> None:
        self.clock = Clock()
        self.reviewer = Reviewer()
        self.accounts = Accounts(PLATFORM, "default")
        self.accounts.know(["default", "shop"])
        self.access = TokenAccess(
            CHART,
            self.reviewer if reviewer else None,
            accounts=self.accounts,
            audiences=("funclet",),
            clock=self.clock,
        )

    def begin(
        self, told: list[str | AwsError], token: str | None, function: str, namespace: str | None = None
    ) -> Abandonable | None:
        account = derived_account(namespace) if namespace is not None else None
        arn = partial(_arn, function)
        return self.access.decide(Request(account, function, arn, token), told.append)

    async def ask(
        self, token: str | None, function: str = "hello", namespace: str | None = None
    ) -> str | AwsError:
        told: list[str | AwsError] = []
        self.begin(told, token, function, namespace)
        await until(lambda: told)
        assert len(told) == 1
        return told[0]

    async def told(self, token: str | None, function: str = "hello", namespace: str | None = None) -> str:
        """The namespace, or the refusal's code."""
        verdict = await self.ask(token, function, namespace)
        return verdict.code if isinstance(verdict, AwsError) else verdict


def _arn(function: str, account: str) -> str:
    return function_arn("us-east-1", account, function, None)


@pytest.fixture
async def door() -> Door:
    """A gateway that asks Kubernetes."""
    return Door()


DENIED = "AccessDeniedException"
UNKNOWN = "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("token", "function", "namespace", "told"),
    [
        (None, "hello", None, "MissingAuthenticationTokenException"),
        ("", "hello", None, UNKNOWN),
        ("nobody", "hello", None, UNKNOWN),
        (CHART[:-1], "hello", None, UNKNOWN),
        (CHART + "x", "hello", None, UNKNOWN),
        ("x" * 16_385, "hello", None, UNKNOWN),
        ("\xff\u20ac", "hello", None, UNKNOWN),
        # the chart's token opens everything, in the default namespace unless an ARN says another
        (CHART, "hello", None, "default"),
        (CHART, "hello", "shop", "shop"),
        (CHART, "hello", "nobodys", DENIED),
        # a Kubernetes user, whose namespace is the default one
        ("alice", "hello", None, "default"),
        ("alice", "hello", "default", "default"),
        ("alice", "pay", None, DENIED),
        ("alice", "hello", "shop", DENIED),
        ("alice", "hello", "nobodys", DENIED),
        # a ServiceAccount, whose namespace is its own
        ("bot", "pay", None, "shop"),
        ("bot", "pay", "shop", "shop"),
        ("bot", "pay", "default", DENIED),
        ("bot", "hello", None, DENIED),
    ],
)
async def test_who_may_call_what_and_where_it_is_looked_for(
    door: Door, token: str | None, function: str, namespace: str | None, told: str
) -> None:
    assert await door.told(token, function, namespace) == told
    # The same from memory.
    assert await door.told(token, function, namespace) == told


async def test_refusals_are_in_the_words_of_aws(door: Door) -> None:
    refused = await door.ask("alice", "pay", "shop")
    assert isinstance(refused, AwsError)
    arn = function_arn("us-east-1", derived_account("shop"), "pay", None)
    assert refused.status == 403
    assert refused.message == (
        f"User: alice is not authorized to perform: lambda:InvokeFunction on resource: {arn} because no"
        " identity-based policy allows the lambda:InvokeFunction action"
    )
    unknown = await door.ask("nobody")
    assert isinstance(unknown, AwsError)
    assert (unknown.status, unknown.message) == (
        403,
        "The security token included in the request is invalid.",
    )


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (None, "MissingAuthenticationTokenException"),
        ("x" * 16_385, UNKNOWN),
        (CHART, None),
        ("anything", None),
    ],
)
async def test_who_cannot_be_let_in_is_refused_at_a_glance(
    door: Door, token: str | None, code: str | None
) -> None:
    refusal = door.access.glance(token)
    assert (refusal.code if refusal is not None else None) == code
    assert door.reviewer.reviews == 0


async def test_the_charts_token_asks_nobody(door: Door) -> None:
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told(CHART) == "default"
    assert door.reviewer.reviews == 0


async def test_without_kubernetes_the_charts_token_alone_opens() -> None:
    door = Door(reviewer=False)
    assert await door.told("alice") == UNKNOWN
    assert await door.told(CHART) == "default"


def test_an_empty_token_of_the_chart_is_refused_as_it_would_let_everybody_in() -> None:
    with pytest.raises(ValueError, match="empty"):
        TokenAccess("", None, accounts=Accounts(PLATFORM, "default"), clock=Clock())


# -- memory


async def test_a_yes_is_believed_for_ten_seconds(door: Door) -> None:
    await door.ask("alice")
    door.reviewer.rights.clear()
    door.clock.time += YES - 0.1
    assert await door.told("alice") == "default"
    door.clock.time += 0.1
    assert await door.told("alice") == DENIED
    assert (door.reviewer.reviews, door.reviewer.questions) == (1, 2)


async def test_a_no_is_believed_for_five_seconds(door: Door) -> None:
    await door.ask("alice", "pay")
    door.reviewer.rights.add(("alice", "default", "pay"))
    door.clock.time += NO - 0.1
    assert await door.told("alice", "pay") == DENIED
    door.clock.time += 0.1
    assert await door.told("alice", "pay") == "default"


async def test_an_unknown_token_is_believed_to_be_one_for_five_seconds(door: Door) -> None:
    await door.ask("carol")
    door.reviewer.callers["carol"] = ALICE
    door.clock.time += NO - 0.1
    assert await door.told("carol") == UNKNOWN
    door.clock.time += 0.1
    assert await door.told("carol") == "default"


async def test_who_a_token_stands_for_is_asked_again_after_a_minute(door: Door) -> None:
    await door.ask("alice")
    del door.reviewer.callers["alice"]
    door.clock.time += WHO - 0.1
    assert await door.told("alice") == "default"
    door.clock.time += 0.1
    assert await door.told("alice") == UNKNOWN


async def test_what_is_remembered_of_one_function_says_nothing_of_another(door: Door) -> None:
    assert await door.told("alice", "hello") == "default"
    assert await door.told("alice", "pay") == DENIED
    assert await door.told("alice", "hello", "shop") == DENIED


# -- while the API server is away

AWAY = "ServiceUnavailableException"
OUTAGES: list[KubeError] = [UnreachableError("no route to host"), KubeError("etcd has no leader")]


@pytest.mark.parametrize("error", OUTAGES)
async def test_while_the_api_server_is_away_who_was_let_in_lately_is_and_all_else_is_told_to_come_back(
    door: Door, error: KubeError
) -> None:
    await door.ask("alice")
    door.reviewer.away = error
    door.clock.time += LONGEST - 0.1
    assert await door.told("alice") == "default"
    assert await door.told("alice", "hello", "default") == "default"
    # Neither another function, nor another namespace, nor another token with the same bearer.
    door.reviewer.callers["alice's other"] = ALICE
    for token, function, namespace in (
        ("alice", "pay", None),
        ("alice", "hello", "shop"),
        ("bot", "pay", None),
        ("alice's other", "hello", None),
    ):
        refused = await door.ask(token, function, namespace)
        assert isinstance(refused, AwsError)
        assert (refused.status, refused.code, refused.retry_after) == (503, AWAY, 1)
    door.clock.time += 0.1
    assert await door.told("alice") == AWAY
    door.reviewer.away = None
    assert await door.told("alice") == "default"


async def test_ten_minutes_count_from_the_last_yes_about_the_token_and_not_from_what_was_let_in_since(
    door: Door,
) -> None:
    await door.ask("alice")
    door.clock.time += WHO - 1.0
    await door.ask("alice")
    door.reviewer.away = UnreachableError("no route to host")
    for _ in range(9):
        door.clock.time += 60.0
        assert await door.told("alice") == "default"
    door.clock.time += 1.0
    assert await door.told("alice") == AWAY


async def test_what_was_refused_is_not_let_in_while_the_api_server_is_away(door: Door) -> None:
    await door.ask("alice", "pay")
    await door.ask("nobody")
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told("alice", "pay") == DENIED
    assert await door.told("nobody") == UNKNOWN
    door.clock.time += NO
    assert await door.told("alice", "pay") == AWAY
    assert await door.told("nobody") == AWAY


@pytest.mark.parametrize("taken", ["the right", "the token"])
async def test_a_no_ends_a_yes_at_once_and_for_all_outages_to_come(door: Door, taken: str) -> None:
    await door.ask("alice")
    door.clock.time += WHO
    if taken == "the right":
        door.reviewer.rights.clear()
    else:
        del door.reviewer.callers["alice"]
    refused = DENIED if taken == "the right" else UNKNOWN
    assert await door.told("alice") == refused
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told("alice") == refused
    door.clock.time += NO
    assert await door.told("alice") == AWAY
    # Nor does a yes about the token alone bring back what it was allowed.
    door.reviewer.callers["alice"] = ALICE
    door.reviewer.away = None
    door.reviewer.mute = UnreachableError("the authorizer is away")
    assert await door.told("alice") == AWAY


async def test_a_refusal_to_review_is_no_outage(door: Door) -> None:
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.away = ForbiddenError("tokenreviews is forbidden")
    assert await door.told("alice") == AWAY
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told("alice") == "default"
    door.reviewer.away = ForbiddenError("tokenreviews is forbidden")
    assert await door.told("bot") == AWAY
    assert await door.told("alice") == AWAY


async def test_once_the_api_server_is_back_who_lost_a_right_is_refused_when_it_has_been_asked(
    door: Door,
) -> None:
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.away = UnreachableError("no route to host")
    assert await door.told("alice") == "default"
    door.reviewer.away = None
    door.reviewer.rights.clear()
    door.clock.time += 1.0
    # Nobody knows yet that it is back; this call makes the gateway ask.
    assert await door.told("alice") == "default"
    await until(lambda: door.reviewer.questions == 3)
    await until(lambda: not door.access._questions._open)
    assert await door.told("alice") == DENIED
    door.clock.time += NO
    assert await door.told("alice") == DENIED


async def test_once_anybody_was_answered_nobody_is_let_in_unasked(door: Door) -> None:
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.away = UnreachableError("no route to host")
    await door.ask("alice")
    door.reviewer.away = None
    door.reviewer.rights.remove(("alice", "default", "hello"))
    assert await door.told("bot", "pay") == "shop"
    assert await door.told("alice") == DENIED


async def test_an_api_server_that_is_away_is_asked_about_the_same_once_a_second(door: Door) -> None:
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.away = UnreachableError("no route to host")
    for _ in range(5):
        for _ in range(20):
            assert await door.told("alice") == "default"
        await until(lambda: not door.access._questions._open)
        door.clock.time += 1.0
    assert door.reviewer.questions == 1 + 5


@virtually
async def test_an_api_server_that_says_nothing_is_waited_for_once() -> None:
    door, loop = Door(), asyncio.get_running_loop()
    await door.ask("alice")
    await door.ask("bot", "pay")
    door.clock.time += YES
    door.reviewer.gate = asyncio.Event()
    told: list[str | AwsError] = []
    # So many that some stand in line, and one whose question is not begun when it is clear that nothing comes.
    begun = loop.time()
    for number in range(60):
        door.begin([], f"stranger-{number}", "hello")
    for function in ("hello", *(f"f{number}" for number in range(20))):
        door.begin(told, "alice", function)
    door.begin(told, "bot", "pay")
    await until(lambda: len(told) == 2)
    assert told == ["default", "shop"]
    assert loop.time() - begun == pytest.approx(1.0, abs=0.01)
    begun = loop.time()
    assert await door.told("alice") == "default"
    assert await door.told("bot", "pay") == "shop"
    assert loop.time() == pytest.approx(begun, abs=0.01)
    # A question has its end, and what it would have been answered is not waited for.
    left: list[str | AwsError] = []
    door.begin(left, "stranger-0", "hello")
    await until(lambda: left, 20.0)
    assert code(left[0]) == AWAY
    assert loop.time() - begun == pytest.approx(9.0, abs=0.1)


@virtually
async def test_the_answer_of_a_slow_api_server_counts_although_nobody_waited_for_it() -> None:
    door = Door()
    await door.ask("alice")
    door.clock.time += YES
    door.reviewer.rights.clear()
    door.reviewer.gate = asyncio.Event()
    assert await door.told("alice") == "default"
    door.reviewer.gate.set()
    await until(lambda: not door.access._questions._open)
    assert await door.told("alice") == DENIED


async def test_an_outage_is_not_remembered_as_a_no(door: Door) -> None:
    door.reviewer.away = UnreachableError("no route to host")
    await door.ask("alice")
    door.reviewer.away = None
    assert await door.told("alice") == "default"


def remembered(door: Door) -> dict[str, list[object]]:
    """What is remembered, by its sort."""
    return {sort: [*memory._answers] for sort, memory in vars(door.access._answers).items()}


async def test_the_memory_is_bounded(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_REMEMBERED", 20)
    for number in range(100):
        door.reviewer.callers[f"friend-{number}"] = ALICE
        door.reviewer.rights.add(("alice", "default", f"own-{number}"))
        await door.ask(f"friend-{number}")
        await door.ask(f"stranger-{number}")
        await door.ask("alice", f"own-{number}")
        await door.ask("alice", f"f{number}")
        door.access._answers.miss(("alice", "default", f"own-{number}"))
    assert {len(keys) for keys in remembered(door).values()} == {20}


async def test_a_flood_of_refusals_drives_nobody_out_who_was_let_in(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_REMEMBERED", 20)
    await door.ask("alice")
    for number in range(100):
        await door.ask(f"stranger-{number}")
        await door.ask("bot", f"f{number}")
    before = (door.reviewer.reviews, door.reviewer.questions)
    assert await door.told("alice") == "default"
    assert (door.reviewer.reviews, door.reviewer.questions) == before


async def test_no_token_is_kept(door: Door) -> None:
    for token in ("alice", "secret"):
        await door.ask(token)
    kept = repr(remembered(door))
    assert "alice" not in kept
    assert "secret" not in kept


# -- questions


async def test_callers_that_come_at_once_with_one_token_are_one_question(door: Door) -> None:
    door.reviewer.gate = asyncio.Event()
    told: list[str | AwsError] = []
    for _ in range(500):
        door.begin(told, "alice", "hello")
    door.reviewer.gate.set()
    await until(lambda: len(told) == 500)
    assert set(told) == {"default"}
    assert (door.reviewer.reviews, door.reviewer.questions) == (1, 1)


def code(told: str | AwsError) -> str:
    return told.code if isinstance(told, AwsError) else told


@pytest.mark.parametrize("functions", [100, 272])
async def test_a_caller_of_many_functions_whom_nobody_knows_yet_loses_no_call(
    door: Door, functions: int
) -> None:
    door.reviewer.rights.update(("alice", "default", f"f{number}") for number in range(functions))
    told: list[str | AwsError] = []
    for number in range(functions):
        door.begin(told, "alice", f"f{number}")
    await until(lambda: len(told) == functions)
    assert set(told) == {"default"}
    assert door.reviewer.most == 16


async def test_what_was_found_out_while_a_question_stood_in_line_is_not_asked_again(door: Door) -> None:
    told: list[str | AwsError] = []
    for number in range(100):
        door.begin(told, "nobody", f"f{number}")
    await until(lambda: len(told) == 100)
    assert {code(each) for each in told} == {UNKNOWN}
    assert door.reviewer.reviews == 16


async def test_one_caller_does_not_take_all_the_room(door: Door) -> None:
    door.reviewer.gate = asyncio.Event()
    told: list[str | AwsError] = []
    for number in range(1000):
        door.begin(told, "alice", f"f{number}")
    assert len(told) == 1000 - 16 - 256
    assert {code(each) for each in told} == {"TooManyRequestsException"}
    refused = told[0]
    assert isinstance(refused, AwsError)
    assert (refused.status, refused.retry_after) == (429, 1)
    others: list[str | AwsError] = []
    door.begin(others, "bot", "pay")
    door.reviewer.gate.set()
    await until(lambda: others)
    assert others == ["shop"]
    await until(lambda: len(told) == 1000)


async def test_tokens_that_nobody_knows_leave_room_for_callers_that_are_known(door: Door) -> None:
    await door.ask("alice")
    await door.ask("bot", "pay")
    door.clock.time += YES
    door.reviewer.gate = asyncio.Event()
    door.reviewer.slow = {f"stranger-{number}" for number in range(2000)}
    told: list[str | AwsError] = []
    for stranger in door.reviewer.slow:
        door.begin(told, stranger, "hello")
    assert len(told) == 2000 - 48 - 768
    assert await door.told("alice") == "default"
    assert await door.told("bot", "pay") == "shop"
    door.reviewer.gate.set()
    await until(lambda: len(told) == 2000)


@virtually
async def test_who_waits_too_long_for_a_question_to_be_asked_is_told_to_come_back() -> None:
    door, loop = Door(), asyncio.get_running_loop()
    door.reviewer.gate = asyncio.Event()
    begun = loop.time()
    told: list[str | AwsError] = []
    for number in range(100):
        door.begin(told, f"stranger-{number}", "hello")
    assert told == []
    assert await door.told(CHART) == "default"
    await until(lambda: told)
    assert loop.time() - begun == pytest.approx(2.0, abs=0.01)
    assert [code(each) for each in told] == ["TooManyRequestsException"] * (100 - 48)
    door.reviewer.gate.set()
    await until(lambda: len(told) == 100)
    assert {code(each) for each in told[-48:]} == {UNKNOWN}
    assert await door.told("alice") == "default"


async def test_a_caller_that_leaves_is_told_nothing_and_the_others_are(door: Door) -> None:
    door.reviewer.gate = asyncio.Event()
    left: list[str | AwsError] = []
    stayed: list[str | AwsError] = []
    leaving = door.begin(left, "alice", "hello")
    door.begin(stayed, "alice", "hello")
    assert leaving is not None
    leaving.abandon()
    leaving.abandon()
    door.reviewer.gate.set()
    await until(lambda: stayed)
    assert (left, stayed) == ([], ["default"])


async def test_a_fault_in_a_question_is_owned_up_to(door: Door) -> None:
    door.reviewer.callers = None  # type: ignore[assignment]  # stands in for any fault
    assert await door.told("alice") == "ServiceException"


# -- everybody


async def test_where_everybody_may_call_only_the_namespace_is_looked_for() -> None:
    accounts = Accounts(PLATFORM, "default")
    accounts.know(["shop"])
    access = OpenAccess(accounts)
    told: list[str | AwsError] = []
    for account in (None, derived_account("shop"), derived_account("nobodys")):
        access.decide(Request(account, "hello", partial(_arn, "hello"), None), told.append)
    assert told[:2] == ["default", "shop"]
    assert isinstance(told[2], AwsError)
    assert (told[2].status, told[2].code) == (403, DENIED)
