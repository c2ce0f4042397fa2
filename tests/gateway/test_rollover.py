import pytest

from funclet.gateway.rollover import Latest, Step, next_step
from funclet.plan.routes import Unavailable
from support.gateway import revision

OLD, NEW = revision(build="old"), revision(build="new")
BROKEN = Unavailable("RuntimeUnknown", "No such runtime.")


@pytest.mark.parametrize(
    ("serving", "wanted", "live", "ready", "step"),
    [
        pytest.param(OLD, OLD, True, True, Step.STAY, id="nothing changed"),
        pytest.param(OLD, NEW, True, False, Step.PREPARE, id="the old one serves until the new one is ready"),
        pytest.param(OLD, NEW, True, True, Step.SWITCH, id="the new one is ready"),
        pytest.param(OLD, NEW, False, False, Step.SWITCH, id="at once if the old one has no instance"),
        pytest.param(OLD, BROKEN, True, False, Step.HOLD, id="the new one cannot run: the old one goes on"),
        pytest.param(OLD, BROKEN, False, False, Step.SWITCH, id="the new one cannot run and nothing serves"),
        pytest.param(BROKEN, NEW, False, False, Step.SWITCH, id="mended"),
        pytest.param(None, NEW, False, False, Step.SWITCH, id="the first"),
        pytest.param(OLD, None, True, False, Step.SWITCH, id="no $LATEST any more"),
    ],
)
def test_latest_changes_over_when_the_new_revision_is_ready(
    serving: Latest,
    wanted: Latest,
    live: bool,  # noqa: FBT001 - a column of the table
    ready: bool,  # noqa: FBT001 - a column of the table
    step: Step,
) -> None:
    assert next_step(serving, wanted, serving_live=live, wanted_ready=ready) is step
