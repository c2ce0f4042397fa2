"""The test cluster itself: an image built here runs there, finds others by name and is reached through a service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from cluster import images
from cluster.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.containerd import Loaded
    from cluster.provider import Provider

pytestmark = pytest.mark.timeout(300)
NAMESPACE = "cluster-proof"
DOCKERFILE = """\
ARG BASE=docker.io/library/python:3.13-slim
FROM ${BASE}
COPY answer.py /app/answer.py
RUN python3 -m compileall -q /app
USER 65532:65532
ENTRYPOINT ["python3"]
CMD ["/app/answer.py"]
"""
ANSWER = """\
import http.server, socket

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = socket.gethostbyname("kubernetes.default").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
ASK = """\
import time, urllib.request
for _ in range(100):
    try:
        print(urllib.request.urlopen("http://answer", timeout=5).read().decode(), flush=True)
        break
    except OSError:
        time.sleep(0.2)
else:
    raise SystemExit("never answered")
time.sleep(600)
"""
HARDENED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture(scope="module")
def image(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    context: Path = tmp_path_factory.mktemp("answer")
    (context / "Dockerfile").write_text(DOCKERFILE, "utf-8")
    (context / "answer.py").write_text(ANSWER, "utf-8")
    try:
        base = images.base("docker.io/library/python:3.13-slim")
        archive = images.build(context, "localhost/funclet-test/answer:1", base=base, folder=context)
        (loaded,) = provider.load(archive.path)
    except CannotRun as lack:
        pytest.skip(str(lack))
    return loaded


@pytest.fixture(scope="module")
def pods(provider: Provider, image: Loaded) -> Iterator[dict[str, Any]]:
    """By name, the pods that answer (behind a service) and ask, both running."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    service = {"selector": {"app": "answer"}, "ports": [{"port": 80, "targetPort": 8080}]}
    manifests = (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}},
        {"apiVersion": "v1", "kind": "Service", "metadata": _named("answer"), "spec": service},
        _pod("answer", {"image": image.name}),
        _pod("ask", {"image": image.by_digest, "args": ["-c", ASK]}),
    )
    try:
        provider.kubectl.apply(*manifests)
        provider.kubectl(
            "wait", "pod/answer", "pod/ask", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s"
        )
        found = provider.kubectl.get("pods", "-n", NAMESPACE)["items"]
        yield {pod["metadata"]["name"]: pod for pod in found}
    finally:
        provider.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=60s", timeout=90)


def test_a_pod_runs_the_image_by_name_and_by_digest(pods: dict[str, Any], image: Loaded) -> None:
    assert {_image_id(pod) for pod in pods.values()} == {image.by_digest}


@pytest.mark.usefixtures("pods")
def test_a_pod_reaches_another_through_a_service_and_both_resolve_names(provider: Provider) -> None:
    latest = time.monotonic() + 30
    while not (said := provider.kubectl("logs", "ask", "-n", NAMESPACE)) and time.monotonic() < latest:
        time.sleep(0.2)
    api_server = provider.kubectl.get("service", "kubernetes", "-n", "default")
    assert said.strip() == api_server["spec"]["clusterIP"]


@pytest.mark.usefixtures("pods")
def test_a_command_runs_in_a_pod(provider: Provider) -> None:
    assert provider.kubectl("exec", "answer", "-n", NAMESPACE, "--", "id", "-u").strip() == "65532"


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE, "labels": {"app": name}}


def _pod(name: str, container: dict[str, Any]) -> dict[str, Any]:
    only = {"name": name, "imagePullPolicy": "IfNotPresent", "securityContext": HARDENED, **container}
    spec = {"containers": [only], "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _named(name), "spec": spec}


def _image_id(pod: dict[str, Any]) -> str:
    return str(pod["status"]["containerStatuses"][0]["imageID"])
