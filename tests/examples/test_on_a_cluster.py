"""What the quick start has a cluster take: by the real kubectl, API server and operator, without nodes."""

import uuid
from collections.abc import Iterator

import pytest

from support.api_server import Server, api_server
from support.examples import EXAMPLES
from support.operators import running
from support.rendering import platform_file

__all__ = ["api_server"]

pytestmark = pytest.mark.processes

NODEJS = {
    "names": ["nodejs"],
    "image": {"ref": "funclet.example/node:1.0", "digest": "sha256:" + "a" * 64},
    "command": ["/funclet/bin/runtime-node", "{handler}"],
}


@pytest.fixture
def namespace(api_server: Server) -> Iterator[str]:
    """A namespace with an operator that knows the runtimes of a release."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    api_server.plane.kubectl("create", "namespace", name)
    with running(api_server.kubeconfig, name, runtimes=[*platform_file()["runtimes"], NODEJS]):
        yield name


def test_all_that_kubectl_reads_of_the_folder_is_taken_and_gets_ready(
    api_server: Server, namespace: str
) -> None:
    kubectl = api_server.plane.kubectl
    folder = (f"--filename={EXAMPLES}", f"--namespace={namespace}")
    assert kubectl("apply", *folder).splitlines() == [
        "function.funclet.dev/checksum created",
        "function.funclet.dev/greet created",
        "alias.funclet.dev/greet-live created",
        "function.funclet.dev/word-count created",
    ]
    # `wait` alone among kubectl's commands looks below the folder unasked.
    kubectl("wait", *folder, "--recursive=false", "--for=condition=Ready", "--timeout=30s")
    [version] = kubectl.get("fnv", f"--namespace={namespace}")["items"]
    assert (version["spec"]["function"], version["spec"]["version"]) == ("greet", "1")
