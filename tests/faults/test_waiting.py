import itertools

import pytest

from faults.waiting import until


async def test_what_becomes_true_is_given() -> None:
    count = itertools.count()
    assert await until(lambda: next(count) if next(count) > 3 else 0, "it is so", 5, every=0.001) == 5


async def test_what_stays_false_is_told() -> None:
    with pytest.raises(TimeoutError, match=r"^not within 0 s: it is so$"):
        await until(lambda: False, "it is so", 0)
