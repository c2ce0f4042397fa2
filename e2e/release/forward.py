"""The way to one pod, whatever the provider: kubectl forwards a port of this machine to it."""

from __future__ import annotations

import contextlib
import re
import subprocess
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster.kubectl import Kubectl

_SAID = re.compile(r"Forwarding from (127\.0\.0\.1:\d+) ->")


@contextlib.contextmanager
def forwarded(kubectl: Kubectl, namespace: str, pod: str, port: int) -> Iterator[str]:
    """`http://HOST:PORT` for as long as the block runs, and the pod does. Raises ClusterError."""
    command = [str(kubectl.program), f"--kubeconfig={kubectl.kubeconfig}", "port-forward", "-n", namespace]
    with subprocess.Popen(
        [*command, f"pod/{pod}", f":{port}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            found = _SAID.match(process.stdout.readline())
            if found is None:
                raise ClusterError(f"no way to {pod}: {process.stderr.read().strip()}")
            yield f"http://{found[1]}"
        finally:
            process.terminate()
