from itertools import product

import pytest

from funclet.gateway.resend import BreakPoint, Fence, may_resend

ALWAYS = {BreakPoint.BEFORE_GREETING, BreakPoint.NOT_STARTED}


@pytest.mark.parametrize(("point", "same_boot", "said"), list(product(BreakPoint, [True, False], Fence)))
def test_a_call_is_sent_again_only_where_it_certainly_never_ran(
    point: BreakPoint,
    same_boot: bool,  # noqa: FBT001 - a column of the table
    said: Fence,
) -> None:
    fenced = point is BreakPoint.NO_ANSWER and same_boot and said is Fence.REFUSED
    assert may_resend(point, same_boot=same_boot, fence=said) == (point in ALWAYS or fenced)
