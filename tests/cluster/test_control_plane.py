"""etcd and an API server alone, as a fixture of other tests uses them."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from cluster.control_plane import ControlPlane, control_plane
from cluster.errors import CannotRun, ClusterError
from cluster.processes import Process
from support.supervisor import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    try:
        with control_plane() as started:
            yield started
    except CannotRun as lack:
        pytest.skip(str(lack))


def test_kubectl_makes_and_reads_objects(plane: ControlPlane) -> None:
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "greeting"},
        "data": {"a": "b"},
    }
    plane.kubectl.apply(config_map)
    assert plane.kubectl.get("configmap", "greeting")["data"] == {"a": "b"}


def test_what_kubectl_says_of_a_mistake_is_in_the_error(plane: ControlPlane) -> None:
    with pytest.raises(ClusterError, match=r"the server doesn't have a resource type \"unheard\""):
        plane.kubectl("get", "unheard")


def test_the_token_opens_the_server_that_the_authority_signed(plane: ControlPlane) -> None:
    where = urlsplit(plane.server)
    context = ssl.create_default_context(cafile=str(plane.authority))
    with closing(
        HTTPSConnection(where.hostname or "", where.port, timeout=10, context=context)
    ) as connection:
        connection.request("GET", "/api/v1/secrets", headers={"authorization": f"Bearer {plane.token}"})
        assert connection.getresponse().status == 200


def test_a_pod_is_admitted_although_no_controller_makes_service_accounts(plane: ControlPlane) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "idle"},
        "spec": {"containers": [{"name": "idle", "image": "none"}]},
    }
    plane.kubectl.apply(pod)
    assert plane.kubectl.get("pod", "idle")["status"]["phase"] == "Pending"


def test_the_server_reports_the_version_that_was_built(plane: ControlPlane) -> None:
    assert '"gitVersion": "v1.34.4"' in plane.kubectl("version", "-o", "json")


def test_what_was_stored_is_there_after_the_server_was_stopped_and_started(plane: ControlPlane) -> None:
    plane.kubectl("create", "namespace", "kept")
    plane.stop("kube-apiserver")
    assert not plane.admin.answers("/readyz")
    plane.start("kube-apiserver")
    assert plane.kubectl.get("namespace", "kept")["status"]["phase"] == "Active"


@pytest.mark.usefixtures("plane")
def test_what_an_object_owned_goes_with_it_where_controllers_run() -> None:
    with control_plane(controllers=True) as plane:
        plane.kubectl("create", "deployment", "web", "--image=none")
        wait_for(lambda: "web-" in plane.kubectl("get", "pods", "-o", "name"))
        plane.kubectl("delete", "deployment", "web")
        wait_for(lambda: not plane.kubectl("get", "replicasets,pods", "-o", "name"))


@pytest.mark.usefixtures("plane")  # skips where Kubernetes is not built
def test_nothing_is_left_when_the_owner_is_killed() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with owner:
        assert owner.stdout
        folder, *pids = owner.stdout.readline().split()
        processes = [Process.seen(int(pid)) for pid in pids]
        owner.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(process and process.lives() for process in processes))
    for left in sorted(Path(folder).rglob("*"), reverse=True):
        left.rmdir() if left.is_dir() else left.unlink()
    Path(folder).rmdir()


OWNER = """
from cluster.control_plane import control_plane
with control_plane() as plane:
    print(plane.folder, *(process.pid for process in plane.processes.running().values()), flush=True)
    input()
"""
