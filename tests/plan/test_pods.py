"""Which pods are a revision's: those that its Deployment made, not those that look like it."""

import copy
from typing import Any

import pytest

from funclet.plan.pods import revision_of
from support.pods import REVISION, pod


def test_a_pod_of_a_replica_set_of_the_deployment_is_the_revisions() -> None:
    assert revision_of(pod()) == REVISION


@pytest.mark.parametrize(
    "change",
    [
        {"ownerReferences": []},
        {"labels": {"funclet.dev/revision": "another", "pod-template-hash": "6c5f7"}},
        {"labels": {"funclet.dev/revision": REVISION, "pod-template-hash": "other"}},
        {"labels": {"funclet.dev/revision": REVISION}},
        {"labels": None},
    ],
    ids=["by hand", "of another Deployment", "of another template", "without a template", "without labels"],
)
def test_a_pod_that_looks_like_one_is_not(change: dict[str, Any]) -> None:
    found = pod()
    found["metadata"] |= change
    assert revision_of(found) is None


@pytest.mark.parametrize("change", [{"kind": "Job"}, {"controller": False}, {"apiVersion": "example.com/v1"}])
def test_a_pod_that_another_kind_of_owner_made_is_not(change: dict[str, Any]) -> None:
    found = copy.deepcopy(pod())
    found["metadata"]["ownerReferences"][0] |= change
    assert revision_of(found) is None
