"""The node's settings, as functions of where its folder is and what the machine can do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# One place per machine: there is one network, one set of packet filter rules and one cgroup tree.
STATE = Path("/var/lib/funclet-cluster")
LOCK = Path("/run/funclet-cluster.lock")
NODE = "funclet"
ZONE = "z1"
# A link of our own, so that the API server and the kubelet are not open to the machine's network.
NODE_LINK = "funclet-node"
NODE_ADDRESS = "10.245.0.1"
POD_BRIDGE = "funclet-pods"
POD_NETWORK = "funclet"
POD_SUBNET = "10.244.0.0/22"
POD_RANGE = "10.244.0.0/16"
CGROUP = "funclet-cluster"
DNS_ADDRESS = "10.96.0.10"
PAUSE_IMAGE = "localhost/funclet-cluster/pause:1"
CNI_PROGRAMS = "/usr/lib/cni"
MAX_PODS = 300
PORT = 6443
ETCD_PORT = 12379


@dataclass(frozen=True)
class Machine:
    """What a machine can do that changes the settings.

    `bridged_traffic_filtered`: packets between two pods of the bridge pass the packet filter, as services need it.
    """

    snapshotter: str
    bridged_traffic_filtered: bool
    resolv_conf: str


def containerd(machine: Machine) -> str:
    """The configuration of containerd (TOML): folders of its own, and nothing asked of a registry."""
    quoted = json.dumps
    return f"""\
version = 2
root = {quoted(str(STATE / "containerd"))}
state = {quoted(str(STATE / "run"))}
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper"]

[grpc]
  address = {quoted(str(socket()))}

[plugins."io.containerd.internal.v1.opt"]
  path = {quoted(str(STATE / "opt"))}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {quoted(PAUSE_IMAGE)}
  # Without CAP_SYS_RESOURCE no process may be made less likely to be ended than containerd itself.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = {quoted(machine.snapshotter)}
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = {quoted(str(STATE / "runc"))}

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {quoted(CNI_PROGRAMS)}
    conf_dir = {quoted(str(STATE / "cni"))}
"""


def socket() -> Path:
    """Where containerd listens."""
    return STATE / "containerd.sock"


def pod_network() -> dict[str, Any]:
    """The CNI plugins' configuration: a bridge and ports of the host. It does not enforce NetworkPolicies."""
    bridge = {
        "type": "bridge",
        "bridge": POD_BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(STATE / "addresses"),
            "ranges": [[{"subnet": POD_SUBNET}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": POD_NETWORK, "plugins": [bridge, ports]}


def kubelet(machine: Machine, authority: Path) -> dict[str, Any]:
    """The kubelet's configuration; images are never collected, for nothing could bring them back."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{socket()}",
        "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"},
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "failSwapOn": False,
        "featureGates": {"KubeletCrashLoopBackOffMax": True},
        "imageGCHighThresholdPercent": 100,
        "maxPods": MAX_PODS,
        "podLogsDir": str(STATE / "logs"),
        # The only limit on the processes of a pod.
        "podPidsLimit": 256,
        "resolvConf": machine.resolv_conf,
        "serializeImagePulls": False,
        "volumePluginDir": str(STATE / "volume-plugins"),
    }


def kube_proxy(machine: Machine, kubeconfig: Path) -> dict[str, Any]:
    """kube-proxy's configuration; the machine's connection tracking limits stay as they are."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "mode": "iptables",
        "clusterCIDR": POD_RANGE,
        "hostnameOverride": NODE,
        "nodePortAddresses": [f"{NODE_ADDRESS}/32"],
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # An answer that bypasses the filter would come from the pod's address instead of the service's.
        "iptables": {"masqueradeAll": not machine.bridged_traffic_filtered, "localhostNodePorts": False},
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def kubelet_command(programs: Path, kubeconfig: Path, config: Path) -> list[str]:
    """The kubelet's command line."""
    return [
        f"{programs}/kubelet",
        f"--config={config}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={STATE}/kubelet",
        f"--cert-dir={STATE}/kubelet/pki",
        f"--hostname-override={NODE}",
        f"--node-ip={NODE_ADDRESS}",
        f"--node-labels=topology.kubernetes.io/zone={ZONE}",
    ]
