from dataclasses import replace

import pytest

from funclet.gateway.rollover import Latest, Progress, Step, next_step
from funclet.plan.routes import Unavailable
from support.gateway import revision

OLD, NEW = revision(build="old"), revision(build="new")
BROKEN = Unavailable("RuntimeUnknown", "No such runtime.")


RUNS = Progress(serving_lives=True, serving_runs=True)
#: the status says so, and nothing of it was met here
TOLD = Progress(serving_lives=True)
READY = replace(RUNS, wanted_is_ready=True)
NOTHING = Progress()


def failed(progress: Progress) -> Progress:
    """The same after a start of the new one that failed."""
    return replace(progress, wanted_failed=True)


@pytest.mark.parametrize(
    ("serving", "wanted", "progress", "step"),
    [
        pytest.param(OLD, OLD, READY, Step.STAY, id="nothing changed"),
        pytest.param(OLD, NEW, RUNS, Step.PREPARE, id="the old one serves until the new one is ready"),
        pytest.param(OLD, NEW, TOLD, Step.PREPARE, id="the old one has instances that were not met yet"),
        pytest.param(OLD, NEW, READY, Step.SWITCH, id="the new one is ready"),
        pytest.param(OLD, NEW, NOTHING, Step.SWITCH, id="at once if the old one has no instance"),
        pytest.param(OLD, NEW, failed(RUNS), Step.PREPARE, id="the new one failed: it is tried again"),
        pytest.param(OLD, NEW, failed(NOTHING), Step.HOLD, id="the new one failed, and nobody calls"),
        pytest.param(OLD, NEW, failed(TOLD), Step.HOLD, id="the new one failed, and nobody calls here"),
        pytest.param(OLD, NEW, failed(READY), Step.SWITCH, id="another instance of the new one is ready"),
        pytest.param(OLD, BROKEN, RUNS, Step.HOLD, id="the new one cannot run: the old one goes on"),
        pytest.param(OLD, BROKEN, NOTHING, Step.SWITCH, id="the new one cannot run and nothing serves"),
        pytest.param(BROKEN, NEW, NOTHING, Step.SWITCH, id="mended"),
        pytest.param(None, NEW, NOTHING, Step.SWITCH, id="the first"),
        pytest.param(OLD, None, RUNS, Step.SWITCH, id="no $LATEST any more"),
    ],
)
def test_latest_changes_over_when_the_new_revision_is_ready(
    serving: Latest, wanted: Latest, progress: Progress, step: Step
) -> None:
    assert next_step(serving, wanted, progress) is step
