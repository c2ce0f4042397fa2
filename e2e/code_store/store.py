"""The store in a namespace, and the values of the chart by which gateways may fetch from it."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from release.release import Release

NAME, PORT, FOLDER = "store", 8080, "/srv/store"
BUCKET, KEY = "team-code", "AKIDEXAMPLE"
SERVER = Path(__file__).with_name("serve.py")
CODE = "def handler(event, context):\n    return {'archive': '%s', 'event': event}\n"
LABELS = {"app": NAME}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def archive(name: str) -> bytes:
    """The archive of this name: a function that says the name, and what it was called with."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as written:
        # Of the same date each time.
        written.writestr(zipfile.ZipInfo("app.py"), CODE % name)
    return packed.getvalue()


def sha256(name: str) -> str:
    """That archive's."""
    return hashlib.sha256(archive(name)).hexdigest()


@dataclass(frozen=True)
class Store:
    """A store that answers; `host` and `address` are its Service's name and IP address."""

    host: str
    address: str

    def url(self, name: str) -> str:
        """Where an archive is for everybody."""
        return f"http://{self.host}:{PORT}/{name}.zip"

    def s3(self, name: str) -> str:
        """Where it is for those who sign."""
        return f"s3://{BUCKET}/{name}.zip"

    @property
    def values(self) -> dict[str, Any]:
        """What an administrator sets so that code comes from here, and from nowhere else inside."""
        key = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "of a test"}
        width = 128 if ":" in self.address else 32
        return {
            "code": {
                "allowHttp": True,
                "allowedNetworks": [f"{self.address}/{width}"],
                "s3": {"endpoint": f"http://{self.host}:{PORT}"},
            },
            "gateway": {"extraEnv": [{"name": name, "value": value} for name, value in key.items()]},
        }


def put_up(release: Release, namespace: str, *names: str) -> Store:
    """A store of these archives on the release's own image; returns when it answers. Raises ClusterError."""
    kubectl = release.kubectl
    metadata = {"name": NAME, "namespace": namespace}
    files = {
        "data": {SERVER.name: SERVER.read_text("utf-8")},
        "binaryData": {f"{name}.zip": base64.b64encode(archive(name)).decode() for name in names},
    }
    port = {"port": PORT, "targetPort": PORT}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **files},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {**metadata, "labels": LABELS},
            "spec": _pod(_image(release)),
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": LABELS, "ports": [port]},
        },
    )
    kubectl("wait", f"pod/{NAME}", "-n", namespace, "--for=condition=Ready", "--timeout=60s", timeout=70)
    address = kubectl.get("service", NAME, "-n", namespace)["spec"]["clusterIP"]
    return Store(f"{NAME}.{namespace}.svc", address)


def _pod(image: dict[str, str]) -> dict[str, Any]:
    return {
        "containers": [
            {
                "name": NAME,
                **image,
                "command": ["python3", f"{FOLDER}/{SERVER.name}", str(PORT), FOLDER, BUCKET, KEY],
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
                "securityContext": RESTRICTED,
                "volumeMounts": [{"name": "files", "mountPath": FOLDER}],
            }
        ],
        "volumes": [{"name": "files", "configMap": {"name": NAME}}],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }


def _image(release: Release) -> dict[str, str]:
    """The gateways', which every node has or can pull."""
    [container, *_] = release.pods("gateway")[0]["spec"]["containers"]
    return {name: container[name] for name in ("image", "imagePullPolicy")}
