"""The host provider's decisions, as functions of what the machine shows."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cluster.host import cgroups, dns, leftovers, network, settings
from cluster.host.settings import Machine

MACHINE = Machine(snapshotter="overlayfs", bridged_traffic_filtered=True, resolv_conf="/etc/resolv.conf")
RULES = """\
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:CNI-aaaa - [0:0]
:CNI-bbbb - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-AAAA - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 10.244.0.2/32 -m comment --comment "name: \\"funclet\\" id: \\"1\\"" -j CNI-aaaa
-A POSTROUTING -s 10.88.0.2/32 -m comment --comment "name: \\"podman\\" id: \\"2\\"" -j CNI-bbbb
-A CNI-aaaa -d 10.244.0.0/22 -m comment --comment "name: \\"funclet\\" id: \\"1\\"" -j ACCEPT
-A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -j KUBE-SVC-AAAA
COMMIT
"""
ONLY_OURS = "\n".join(line for line in RULES.splitlines() if "bbbb" not in line) + "\n"
OTHERS = """\
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
COMMIT
"""
MOUNTS = """\
22 1 0:20 / / rw shared:1 - ext4 /dev/vda rw
40 22 0:33 / /var/lib/funclet-cluster/run/one/rootfs rw - overlay overlay rw
41 40 0:34 / /var/lib/funclet-cluster/run/one/rootfs/a\\040b rw - tmpfs tmpfs rw
42 22 0:35 / /var/lib/funclet-clusters rw - tmpfs tmpfs rw
"""


def test_only_kubernetes_rules_and_our_pods_rules_are_removed() -> None:
    assert network.removal_of(RULES, network="funclet").splitlines() == [
        "*nat",
        '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        '-D POSTROUTING -s 10.244.0.2/32 -m comment --comment "name: \\"funclet\\" id: \\"1\\"" -j CNI-aaaa',
        "-F CNI-aaaa",
        "-F KUBE-SERVICES",
        "-F KUBE-SVC-AAAA",
        "-X CNI-aaaa",
        "-X KUBE-SERVICES",
        "-X KUBE-SVC-AAAA",
        "COMMIT",
    ]


def test_chains_for_host_ports_go_with_the_last_network() -> None:
    removal = network.removal_of(ONLY_OURS, network="funclet")
    assert "-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT" in removal
    assert "-X CNI-HOSTPORT-DNAT" in removal
    assert "DOCKER" not in removal


def test_a_packet_filter_without_our_rules_is_left_alone() -> None:
    assert not network.removal_of(OTHERS, network="funclet")


def test_mounts_are_found_innermost_first_and_only_below_the_folder() -> None:
    assert leftovers.mount_points(MOUNTS, below=Path("/var/lib/funclet-cluster")) == [
        "/var/lib/funclet-cluster/run/one/rootfs/a b",
        "/var/lib/funclet-cluster/run/one/rootfs",
    ]


def test_results_of_other_networks_pods_stay() -> None:
    files = ["funclet-aa-eth0", "cni-loopback-aa-lo", "podman-bb-eth0", "cni-loopback-bb-lo"]
    assert leftovers.network_results(files) == {"funclet-aa-eth0", "cni-loopback-aa-lo"}


def test_cgroup_hierarchies_are_read_with_their_controllers() -> None:
    mounts = (
        "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0\n"
        "cgroup /sys/fs/cgroup/pids cgroup rw,relatime,pids 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
    )
    found = cgroups.hierarchies(mounts)
    assert found["cpu"] == found["cpuacct"] == Path("/sys/fs/cgroup/cpu,cpuacct")
    assert found["pids"] == Path("/sys/fs/cgroup/pids")
    assert Path("/sys/fs/cgroup/unified") not in found.values()


def test_containerd_keeps_all_its_folders_below_the_state_folder() -> None:
    config = tomllib.loads(settings.containerd(MACHINE))
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    folders = (config["root"], config["state"], config["grpc"]["address"], cri["cni"]["conf_dir"])
    assert all(folder.startswith("/var/lib/funclet-cluster/") for folder in folders)
    assert cri["restrict_oom_score_adj"]
    assert cri["containerd"]["snapshotter"] == "overlayfs"


def test_a_pod_is_limited_in_processes_and_a_node_takes_many_pods() -> None:
    kubelet = settings.kubelet(MACHINE, Path("/ca.crt"))
    assert kubelet["podPidsLimit"] == 256
    assert kubelet["maxPods"] >= 250
    assert kubelet["crashLoopBackOff"] == {"maxContainerRestartPeriod": "2s"}


@pytest.mark.parametrize("filtered", [True, False])
def test_services_work_between_pods_of_the_bridge_whether_or_not_it_is_filtered(*, filtered: bool) -> None:
    machine = Machine("overlayfs", bridged_traffic_filtered=filtered, resolv_conf="/etc/resolv.conf")
    assert settings.kube_proxy(machine, Path("/kubeconfig"))["iptables"]["masqueradeAll"] is not filtered


def test_names_outside_the_cluster_are_asked_of_the_machines_servers_where_it_has_any() -> None:
    assert "forward . /etc/resolv.conf" in dns.corefile("search local\nnameserver 192.0.2.1\n")
    assert "forward" not in dns.corefile("search local\n")


def test_dns_is_ready_only_when_it_answers() -> None:
    assert not dns.answers("kubernetes.default.svc.cluster.local", server="127.0.0.254", timeout=0.1)
