import pytest

from funclet.plan import reasons
from funclet.plan.admission import is_undecided
from support.objects import NOW, function, version


def stalled(reason: str) -> dict[str, object]:
    """The status of a version that waits for something, or was refused."""
    condition = {
        "type": "Stalled",
        "status": "True",
        "reason": reason,
        "message": "",
        "lastTransitionTime": NOW,
    }
    return {"conditions": [condition]}


@pytest.mark.parametrize(
    "reason", [reasons.VERSION_NUMBER_USED, reasons.NAME_TAKEN, reasons.VERSION_INCOMPLETE]
)
def test_a_version_that_was_refused_is_decided(reason: str) -> None:
    assert not is_undecided(version(3, status=stalled(reason)), function())


def test_a_version_that_came_before_its_function_is_still_to_be_decided() -> None:
    """A backup is restored in any order: the function must not give its numbers out meanwhile."""
    assert is_undecided(version(3, status=stalled(reasons.FUNCTION_NOT_FOUND)), function())


def test_a_version_that_nobody_has_looked_at_is_still_to_be_decided() -> None:
    assert is_undecided(version(3), function())


def test_an_admitted_version_is_decided() -> None:
    assert not is_undecided(version(3, status={"functionArn": "arn:x"}), function())
    assert not is_undecided(version(3, made=True), function())
