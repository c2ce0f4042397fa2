from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.plan import reasons
from funclet.plan.pod_failure import pod_failure
from funclet.plan.routes import Unavailable
from funclet.plan.shown import LONGEST, shown
from support.objects import NOW
from support.pods import condition, deployment, ended, pod, waiting

LATER = "2026-01-02T03:04:45Z"


def failure(*pods: dict[str, Any], of: dict[str, Any] | None = None, now: str = NOW) -> Unavailable:
    found = pod_failure(pods, of, now)
    assert found is not None
    return found


def refused(message: str) -> dict[str, Any]:
    return deployment(condition("ReplicaFailure", "True", "FailedCreate", message))


STATES: list[tuple[dict[str, Any], str, str]] = [
    (
        waiting("ErrImagePull", "not found"),
        reasons.IMAGE_UNAVAILABLE,
        "image app@sha256:00 cannot be pulled: not found",
    ),
    (waiting("ImagePullBackOff", "Back-off pulling image"), reasons.IMAGE_UNAVAILABLE, "Back-off"),
    (waiting("InvalidImageName", "bad"), reasons.IMAGE_UNAVAILABLE, "check its name"),
    (
        waiting("CreateContainerConfigError", 'secret "db" not found'),
        reasons.CONFIGURATION_MISSING,
        'secret "db" not found; make it',
    ),
    (
        waiting("CreateContainerConfigError", "couldn't find key password in Secret default/db"),
        reasons.CONFIGURATION_MISSING,
        "couldn't find key password in Secret default/db",
    ),
    (
        waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
        reasons.CONTAINER_NOT_CREATED,
        "runAsNonRoot",
    ),
    (
        waiting("RunContainerError", "exec: no such file"),
        reasons.CONTAINER_NOT_CREATED,
        "check spec.code.image.command",
    ),
    (
        ended(3, "Runtime.ImportModuleError: No module named 'app'"),
        reasons.INIT_FAILED,
        "Runtime.ImportModule",
    ),
    (ended(3), reasons.INIT_FAILED, "funclet logs"),
    (ended(1, "the code is not the one that was asked for"), reasons.INIT_FAILED, "the code is not"),
    (ended(1), reasons.CRASH_LOOP, "exit status 1"),
    (ended(137, reason="OOMKilled"), reasons.OUT_OF_MEMORY, "raise spec.memory"),
]


@pytest.mark.parametrize(("state", "reason", "words"), STATES, ids=[f"{r}-{w[:12]}" for _, r, w in STATES])
def test_each_way_to_fail_has_its_reason_and_says_what_to_do(
    state: dict[str, Any], reason: str, words: str
) -> None:
    found = failure(pod(state=state))
    assert found.reason == reason
    assert words in found.message


def test_a_container_that_was_started_again_still_tells_how_it_ended() -> None:
    found = failure(pod(state=waiting("CrashLoopBackOff"), last=ended(3, "Boom: no")))
    assert (found.reason, found.message) == (reasons.INIT_FAILED, "Boom: no")


REFUSALS = [
    (
        'pods "greet-x" is forbidden: exceeded quota: small, requested: requests.memory=160Mi, used: ...',
        reasons.QUOTA_EXCEEDED,
        "exceeded quota: small, requested: requests.memory=160Mi",
    ),
    (
        'pods "greet-x" is forbidden: failed quota: cpu: must specify limits.cpu for: function',
        reasons.QUOTA_EXCEEDED,
        "pods.cpuLimit",
    ),
    (
        'pods "greet-x" is forbidden: maximum memory usage per Container is 512Mi, but limit is 672Mi',
        reasons.QUOTA_EXCEEDED,
        "LimitRange",
    ),
    (
        'pods "x" is forbidden: error looking up service account default/reader: serviceaccount "reader" not found',
        reasons.ROLE_NOT_FOUND,
        "spec.role",
    ),
    (
        'pods "greet-x" is forbidden: violates PodSecurity "restricted:latest": x',
        reasons.POD_REFUSED,
        "restricted",
    ),
    (
        'Pod "x" is invalid: x: Invalid value: "145m": must be less than or equal to cpu limit of 10m',
        reasons.QUOTA_EXCEEDED,
        "pods.cpuLimit",
    ),
    (
        'Pod "x" is invalid: x: Invalid value: "145m": must be less than or equal to cpu limit of 10m',
        reasons.QUOTA_EXCEEDED,
        "LimitRange",
    ),
    (
        'pods "x" is forbidden: maximum cpu usage per Container is 4.  No limit is specified',
        reasons.QUOTA_EXCEEDED,
        "pods.cpuLimit",
    ),
    (
        'pods "x" is forbidden: minimum cpu usage per Container is 4, but request is 145m',
        reasons.QUOTA_EXCEEDED,
        "raise spec.memory",
    ),
    (
        'pods "x" is forbidden: memory max limit to request ratio per Container is 1, but provided ratio is 4.2',
        reasons.QUOTA_EXCEEDED,
        "spec.ephemeralStorage",
    ),
    (
        'Pod "x" is invalid: x: Invalid value: "1Gi": must be less than or equal to ephemeral-storage limit of 1Mi',
        reasons.QUOTA_EXCEEDED,
        "default limit",
    ),
    ('admission webhook "policy.example" denied the request: no', reasons.POD_REFUSED, "denied the request"),
]


@pytest.mark.parametrize(("message", "reason", "words"), REFUSALS, ids=[words for _, _, words in REFUSALS])
def test_a_pod_that_is_refused_is_told_by_the_deployment(message: str, reason: str, words: str) -> None:
    found = failure(of=refused(message))
    assert found.reason == reason
    assert words in found.message


def test_a_refusal_of_the_past_is_none() -> None:
    assert pod_failure([], deployment(condition("ReplicaFailure", "False", "FailedCreate")), NOW) is None


def unscheduled() -> dict[str, Any]:
    message = "0/3 nodes are available: 3 Insufficient memory."
    return pod(conditions=(condition("PodScheduled", "False", "Unschedulable", message),), phase="Pending")


def test_a_node_may_be_on_its_way_for_a_while() -> None:
    assert pod_failure([unscheduled()], None, "2026-01-02T03:04:10Z", 10.0) is None


def test_a_pod_that_no_node_takes_has_failed_after_a_while() -> None:
    found = failure(unscheduled(), now="2026-01-02T03:04:15Z")
    assert found.reason == reasons.NO_NODE
    assert found.message.startswith("0/3 nodes are available: 3 Insufficient memory; add nodes")


def test_a_secret_that_is_to_be_mounted_and_is_not_there_is_guessed_at() -> None:
    stuck = pod(
        conditions=(condition("PodScheduled", "True"), condition("PodReadyToStartContainers", "False")),
        state=waiting("ContainerCreating"),
    )
    volumes = ({"name": "secret-0", "secret": {"secretName": "tls"}}, {"name": "tmp", "emptyDir": {}})
    assert pod_failure([stuck], deployment(volumes=volumes), NOW) is None
    found = failure(stuck, of=deployment(volumes=volumes), now=LATER)
    assert found.reason == reasons.CONFIGURATION_MISSING
    assert "Secret tls" in found.message


def test_a_pod_that_comes_up_has_not_failed() -> None:
    assert (
        pod_failure([pod(state=waiting("ContainerCreating"), phase="Pending")], deployment(), LATER) is None
    )


def test_a_ready_pod_has_not_failed_whatever_it_did_before() -> None:
    assert pod_failure([pod(ready=True, last=ended(3, "x"))], None, NOW) is None


def test_the_newest_pod_tells() -> None:
    old = pod("old", state=waiting("ErrImagePull"), created="2026-01-02T03:00:00Z")
    assert failure(old, pod("new", state=ended(3, "Boom: no"))).reason == reasons.INIT_FAILED


def test_a_pod_that_is_deleted_did_not_crash() -> None:
    assert pod_failure([pod(state=ended(137), deletionTimestamp=NOW)], None, NOW) is None


def test_what_a_pod_said_before_it_was_deleted_still_counts() -> None:
    assert failure(pod(state=ended(3, "Boom: no"), deletionTimestamp=NOW)).message == "Boom: no"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("cannot reach postgres://admin:hunter2@db/x", "cannot reach postgres://***@db/x"),
        ("login failed: password=hunter2 user=x", "login failed: password=*** user=x"),
        ('{"api_key": "hunter2"}', '{"api_key": ***}'),
        ("DB_PASSWORD='hunter2'", "DB_PASSWORD=***"),
        ("Authorization: Bearer hunter2", "Authorization: ***"),
        ('secret "db" not found\nat line 2', 'secret "db" not found at line 2'),
    ],
)
def test_what_looks_like_a_password_is_masked(text: str, seen: str) -> None:
    assert shown(text) == seen


@given(st.text())
def test_words_of_others_are_one_short_printable_line(text: str) -> None:
    assert len(shown(text)) <= LONGEST
    assert shown(text).isprintable()


def test_a_container_that_its_kubelet_lost_sight_of_says_nothing() -> None:
    lost = ended(
        137, "The container could not be located when the pod was terminated", "ContainerStatusUnknown"
    )
    gone = pod(state=lost, phase="Failed", deletionTimestamp=NOW)
    assert pod_failure([gone], None, NOW) is None
