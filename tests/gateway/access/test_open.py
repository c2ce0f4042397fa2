"""Where everybody may call."""

from functools import partial

from funclet.gateway.access.accounts import Accounts
from funclet.gateway.access.open import OpenAccess
from funclet.gateway.access.port import Request
from funclet.lambda_api.errors import AwsError
from funclet.plan.accounts import derived_account
from support.access import DENIED, PLATFORM, arn_of


async def test_where_everybody_may_call_only_the_namespace_is_looked_for() -> None:
    accounts = Accounts(PLATFORM, "default")
    accounts.know(["shop"])
    access = OpenAccess(accounts)
    told: list[str | AwsError] = []
    for account in (None, derived_account("shop"), derived_account("nobodys")):
        access.decide(Request(account, "hello", partial(arn_of, "hello"), None), told.append)
    assert told[:2] == ["default", "shop"]
    assert isinstance(told[2], AwsError)
    assert (told[2].status, told[2].code) == (403, DENIED)
