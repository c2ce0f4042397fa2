import copy
from typing import Any

from funclet.kube.trims import trim_pod

CONTAINER = {
    "name": "function",
    "image": "i",
    "imageID": "i@sha256:1",
    "containerID": "containerd://1",
    "ready": False,
    "restartCount": 0,
    "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}},
    "lastState": {},
}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "p",
        "generateName": "p-",
        "uid": "u",
        "labels": {"funclet.dev/revision": "r"},
        "ownerReferences": [{"uid": "o"}],
    },
    "spec": {
        "containers": [{"name": "function", "image": "i", "env": [{"name": "A", "value": "x"}]}],
        "nodeName": "n",
        "volumes": [{"name": "v"}],
    },
    "status": {
        "phase": "Pending",
        "podIP": "10.0.0.1",
        "qosClass": "Burstable",
        "conditions": [{"type": "Ready", "status": "False", "lastProbeTime": None}],
        "containerStatuses": [CONTAINER],
    },
}


def test_what_became_of_a_pod_is_kept_and_what_it_was_told_is_not() -> None:
    assert trim_pod(POD) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "p",
            "uid": "u",
            "labels": {"funclet.dev/revision": "r"},
            "ownerReferences": [{"uid": "o"}],
        },
        "spec": {"nodeName": "n"},
        "status": {
            "phase": "Pending",
            "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [
                {
                    "name": "function",
                    "image": "i",
                    "ready": False,
                    "restartCount": 0,
                    "state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}},
                }
            ],
        },
    }


def test_a_pod_that_says_nothing_yet_is_one_too() -> None:
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    assert trim_pod(bare) == {**bare, "spec": {}, "status": {}}


def test_a_pod_is_not_changed_by_being_trimmed_and_trimming_it_again_changes_nothing() -> None:
    before = copy.deepcopy(POD)
    trimmed = trim_pod(POD)
    assert before == POD
    assert trim_pod(trimmed) == trimmed
