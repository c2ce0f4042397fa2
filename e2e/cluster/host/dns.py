"""The cluster's DNS: CoreDNS as a Deployment behind the usual service, and a question to see that it answers."""

from __future__ import annotations

import re
import secrets
import socket
import struct
from typing import Any

from cluster.host.settings import DNS_ADDRESS

NAME = "coredns"
NAMESPACE = "kube-system"
IMAGE = "localhost/funclet-cluster/coredns:1"
# A port that needs no privilege; the service shows it as 53.
PORT = 1053
LABELS = {"k8s-app": "kube-dns"}
HEADER_BYTES = 12


def manifests(resolv_conf: str) -> list[dict[str, Any]]:
    """All that CoreDNS needs; `resolv_conf` is the text of the machine's, for names outside the cluster."""
    return [
        _object("v1", "ServiceAccount"),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", namespace=None) | {"rules": _rules()},
        _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", namespace=None)
        | {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
        },
        _object("v1", "ConfigMap") | {"data": {"Corefile": corefile(resolv_conf)}},
        _object("apps/v1", "Deployment") | {"spec": _deployment()},
        _object("v1", "Service", name="kube-dns")
        | {
            "spec": {
                "clusterIP": DNS_ADDRESS,
                "selector": LABELS,
                "ports": [
                    {"name": protocol.lower(), "protocol": protocol, "port": 53, "targetPort": PORT}
                    for protocol in ("UDP", "TCP")
                ],
            }
        },
    ]


def corefile(resolv_conf: str) -> str:
    """CoreDNS's configuration; without a server in `resolv_conf`, names outside the cluster do not exist."""
    outside = "forward . /etc/resolv.conf" if re.search(r"^nameserver\s", resolv_conf, re.MULTILINE) else ""
    return f"""\
.:{PORT} {{
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 5
    }}
    {outside}
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
}}
"""


def answers(name: str, *, server: str = DNS_ADDRESS, timeout: float = 0.5) -> bool:
    """Whether the server knows an IPv4 address of the name."""
    number = secrets.randbits(16)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(timeout)
        try:
            asking.connect((server, 53))
            asking.send(question)
            answer = asking.recv(4096)
        except OSError:
            return False
    if len(answer) < HEADER_BYTES:
        return False
    got, flags, _, answers_given = struct.unpack(">4H", answer[:8])
    return got == number and not flags & 0xF and answers_given > 0


def _object(api: str, kind: str, *, name: str = NAME, namespace: str | None = NAMESPACE) -> dict[str, Any]:
    place = {} if namespace is None else {"namespace": namespace}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": LABELS, **place}}


def _rules() -> list[dict[str, Any]]:
    read = ["list", "watch"]
    return [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
    ]


def _deployment() -> dict[str, Any]:
    container = {
        "name": NAME,
        "image": IMAGE,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": f"dns-{protocol.lower()}", "containerPort": PORT, "protocol": protocol}
            for protocol in ("UDP", "TCP")
        ],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "170Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 65535,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    pod = {
        "serviceAccountName": NAME,
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": NAME}}],
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": pod},
    }
