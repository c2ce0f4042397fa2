"""Which logs a function has, and what is told of pods that come and go."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from funclet.cli import pods
from funclet.cli.pods import Following, Run, Step, runs_of, selector
from funclet.plan import labels
from support.pods import Object, ended, waiting
from support.pods import pod as pod_of

RUNNING: Object = {"running": {}}


def pod(name: str, state: Object, version: str = "1", function: str = "greet", **more: Any) -> Object:
    annotations = {"funclet.dev/function": function, "funclet.dev/version": version}
    found = pod_of(name, state=state, uid=f"uid-{name}", annotations=annotations, **more)
    if "waiting" not in state:
        found["status"]["containerStatuses"][0]["containerID"] = f"containerd://{name}"
    return found


def run(name: str, version: str = "1") -> Run:
    return Run(name, version, f"uid-{name}", f"containerd://{name}")


def test_the_command_and_the_planners_name_the_same_labels() -> None:
    assert (pods.FUNCTION, pods.VERSION) == (labels.FUNCTION, labels.VERSION)
    assert all(selector(name) == labels.function_selector(name) for name in ("greet", "g" * 200))


def test_a_container_has_a_log_once_it_has_begun_and_when_it_has_ended() -> None:
    found = [pod("a", RUNNING), pod("b", ended(1)), pod("c", waiting("ContainerCreating"))]
    assert runs_of(found, "greet", frozenset()) == (run("a"), run("b"))


def test_containers_beside_the_functions_are_passed_over() -> None:
    other = pod("a", RUNNING)
    other["status"]["containerStatuses"][0]["name"] = "sidecar"
    assert runs_of([other, {"metadata": {"name": "new"}, "status": {}}], "greet", frozenset()) == ()


@pytest.mark.parametrize(
    ("versions", "names"),
    [(frozenset(), ["a", "b", "c"]), ({"1"}, ["a", "c"]), ({"1", "$LATEST"}, ["a", "b", "c"]), ({"7"}, [])],
)
def test_pods_are_those_of_the_versions_that_are_wanted(versions: set[str], names: list[str]) -> None:
    found = [pod("a", RUNNING), pod("b", RUNNING, "$LATEST"), pod("c", RUNNING)]
    assert [each.pod for each in runs_of(found, "greet", frozenset(versions))] == names


def test_a_function_whose_label_is_the_same_is_another_one() -> None:
    assert runs_of([pod("a", RUNNING, function="greeting")], "greet", frozenset()) == ()


def test_pods_come_by_age() -> None:
    found = [
        pod("a", RUNNING, created="2026-01-02T00:00:00Z"),
        pod("b", RUNNING, created="2026-01-01T00:00:00Z"),
    ]
    assert [each.pod for each in runs_of(found, "greet", frozenset())] == ["b", "a"]


def test_a_lines_prefix_is_the_version_and_the_end_of_the_pods_name() -> None:
    assert run("greet-v3-0123456789-6f7c9b8d5-x2k9p", "3").prefix == b"3/x2k9p  "


def test_logs_are_opened_once_and_pods_that_come_are_taken_up() -> None:
    following = Following()
    assert following.see((run("a"),)) == Step((run("a"),))
    assert following.see((run("a"), run("b"))) == Step((run("b"),))
    assert following.see((run("a"), run("b"))) == Step()


def test_a_pod_is_told_gone_only_when_its_log_is_read_out() -> None:
    following = Following()
    following.see((run("a"), run("b")))
    assert following.see((run("b"),)) == Step()
    assert following.end(run("a")) == Step(over=((run("a"), False),))
    assert following.end(run("b")) == Step()
    assert following.see(()) == Step(over=((run("b"), True),))


def test_a_container_that_ended_in_a_pod_that_stays_is_not_read_again() -> None:
    following = Following()
    following.see((run("a"),))
    assert following.end(run("a")) == Step()
    assert following.see((run("a"),)) == Step()


def test_a_new_container_in_the_same_pod_is_read_and_the_pod_is_not_gone() -> None:
    following = Following()
    following.see((run("a"),))
    second = Run("a", "1", "uid-a", "containerd://second")
    assert following.see((second,)) == Step((second,))
    assert following.end(run("a")) == Step()


class FollowingMachine(RuleBasedStateMachine):
    """Pods come and go, and logs end, in any order."""

    there = Bundle("there")
    reading = Bundle("reading")

    def __init__(self) -> None:
        super().__init__()
        self.following = Following()
        self.now: set[Run] = set()
        self.open: set[Run] = set()
        self.opened: list[Run] = []
        self.told: list[Run] = []
        self.count = 0

    @rule(target=there, version=st.sampled_from(["1", "2"]))
    def comes(self, version: str) -> Run:
        self.count += 1
        new = run(f"p{self.count}", version)
        self.now.add(new)
        self._take(self.following.see(sorted(self.now, key=lambda each: each.pod)))
        return new

    @rule(target=reading, pod=consumes(there))
    def goes(self, pod: Run) -> Any:
        self.now.discard(pod)
        self._take(self.following.see(sorted(self.now, key=lambda each: each.pod)))
        return pod if pod in self.open else multiple()

    @rule(pod=there)
    def ends_while_there(self, pod: Run) -> None:
        if pod in self.open:
            self.open.discard(pod)
            self._take(self.following.end(pod))

    @rule(pod=consumes(reading))
    def ends(self, pod: Run) -> None:
        self.open.discard(pod)
        self._take(self.following.end(pod))

    def _take(self, step: Step) -> None:
        self.opened += step.opened
        self.open |= set(step.opened)
        for over, last in step.over:
            assert over not in self.now
            assert over not in self.open
            self.told.append(over)
            assert not last or not self.now

    @invariant()
    def each_log_is_opened_once_and_each_end_told_once(self) -> None:
        assert len(self.opened) == len(set(self.opened)) == self.count
        assert len(self.told) == len(set(self.told))
        assert set(self.told) == set(self.opened) - self.now - self.open


test_following_in_any_order = FollowingMachine.TestCase
