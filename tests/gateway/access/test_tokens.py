"""Who may call: a table."""

import pytest

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.tokens import TokenAccess
from funclet.kube.cluster_port import UnreachableError
from funclet.lambda_api.arn import function_arn
from funclet.lambda_api.errors import AwsError
from funclet.plan.accounts import derived_account
from support.access import CHART, DENIED, PLATFORM, UNKNOWN, Door
from support.clock import Clock


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
