"""The Pod Security Standard `restricted`, written down from its text and not from what Funclet renders.

Source: "Pod Security Standards" in the Kubernetes documentation: the controls of Baseline, then those that
Restricted adds. Each check gives the path of what it forbids.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
}
_SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_CONFINED = {"RuntimeDefault", "Localhost"}


def violations(pod: Mapping[str, Any]) -> list[str]:
    """Name what in a pod, or in a pod template, `restricted` forbids; empty if nothing."""
    spec = pod["spec"]
    found = [*_pod(spec), *_annotations(pod.get("metadata", {}))]
    for path, container in containers(spec):
        found += [f"{path}.{where}" for where in _container(container)]
        found += [f"{path}.{where}" for where in _inherited(container, spec.get("securityContext") or {})]
    return found


def containers(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Go through every container of any kind, with its path."""
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield f"{kind}[{index}]", container


def _pod(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from (field for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field))
    for index, volume in enumerate(spec.get("volumes") or ()):
        if not set(volume) <= {"name", *_VOLUMES} or len(volume) != 2:
            yield f"volumes[{index}]"
    security = spec.get("securityContext") or {}
    yield from (f"securityContext.{where}" for where in _shared(security))
    if any(each["name"] not in _SYSCTLS for each in security.get("sysctls") or ()):
        yield "securityContext.sysctls"


def _annotations(metadata: Mapping[str, Any]) -> Iterator[str]:
    for name, value in (metadata.get("annotations") or {}).items():
        if name.startswith("container.apparmor.security.beta.kubernetes.io/") and not (
            value == "runtime/default" or value.startswith("localhost/")
        ):
            yield f"metadata.annotations[{name}]"


def _shared(security: Mapping[str, Any]) -> Iterator[str]:
    """What a pod and a container may both say."""
    if (security.get("windowsOptions") or {}).get("hostProcess"):
        yield "windowsOptions.hostProcess"
    selinux = security.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in _SELINUX or selinux.get("user") or selinux.get("role"):
        yield "seLinuxOptions"
    if security.get("appArmorProfile", {"type": "RuntimeDefault"}).get("type") not in _CONFINED:
        yield "appArmorProfile"
    if "seccompProfile" in security and security["seccompProfile"].get("type") not in _CONFINED:
        yield "seccompProfile"
    if security.get("runAsUser") == 0:
        yield "runAsUser"
    if security.get("runAsNonRoot") is False:
        yield "runAsNonRoot"


def _container(container: Mapping[str, Any]) -> Iterator[str]:
    security = container.get("securityContext") or {}
    yield from (f"securityContext.{where}" for where in _shared(security))
    if security.get("privileged"):
        yield "securityContext.privileged"
    if security.get("procMount", "Default") != "Default":
        yield "securityContext.procMount"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "securityContext.allowPrivilegeEscalation"
    capabilities = security.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "securityContext.capabilities.drop"
    if set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}:
        yield "securityContext.capabilities.add"
    if any(port.get("hostPort") for port in container.get("ports") or ()):
        yield "ports.hostPort"
    yield from _host_handlers(container)


def _host_handlers(container: Mapping[str, Any]) -> Iterator[str]:
    lifecycle = container.get("lifecycle") or {}
    handlers = {
        **{name: container.get(name) for name in ("livenessProbe", "readinessProbe", "startupProbe")},
        **{f"lifecycle.{name}": lifecycle.get(name) for name in ("postStart", "preStop")},
    }
    for name, handler in handlers.items():
        if any(((handler or {}).get(kind) or {}).get("host") for kind in ("httpGet", "tcpSocket")):
            yield f"{name}.host"


def _inherited(container: Mapping[str, Any], pod: Mapping[str, Any]) -> Iterator[str]:
    """What a container must say unless its pod does."""
    security = {**pod, **(container.get("securityContext") or {})}
    if security.get("runAsNonRoot") is not True:
        yield "securityContext.runAsNonRoot"
    if "seccompProfile" not in security:
        yield "securityContext.seccompProfile"
