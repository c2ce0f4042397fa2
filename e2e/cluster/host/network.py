"""The machine's links, routes and packet filter: what the node needs of them, and leaving none of it behind."""

from __future__ import annotations

import contextlib
import re

from cluster import shell
from cluster.errors import CannotRun, ClusterError
from cluster.host import settings, sysctls

TABLES = ("filter", "nat", "mangle")
PROGRAMS = ("iptables", "ip6tables")


def prepare() -> None:
    """Make the node's own link and let packets be forwarded. Raises CannotRun beside another Kubernetes node."""
    if settings.NODE_LINK not in shell.run("ip", "-o", "link"):
        if ":KUBE-SERVICES" in shell.run("iptables-save", "-t", "nat"):
            raise CannotRun(
                "the packet filter has rules of another Kubernetes node: end that one, or use it by --provider current"
            )
        shell.run("ip", "link", "add", settings.NODE_LINK, "type", "bridge")
    shell.run("ip", "address", "replace", f"{settings.NODE_ADDRESS}/32", "dev", settings.NODE_LINK)
    shell.run("ip", "link", "set", settings.NODE_LINK, "up")
    sysctls.write(sysctls.FORWARDING, "1\n")


def clear() -> None:
    """Remove the links and the rules of kube-proxy, the kubelet and the pods."""
    for link in (settings.POD_BRIDGE, settings.NODE_LINK):
        # What is not there need not be removed.
        with contextlib.suppress(ClusterError):
            shell.run("ip", "link", "delete", link)
    for program in PROGRAMS:
        for table in TABLES:
            with contextlib.suppress(ClusterError, CannotRun):
                rules = shell.run(f"{program}-save", "-t", table)
                if removal := removal_of(rules, network=settings.POD_NETWORK):
                    shell.run(f"{program}-restore", "--noflush", stdin=removal)


def removal_of(rules: str, *, network: str) -> str:
    """What `iptables-restore --noflush` must be told to forget Kubernetes, given one table as iptables-save shows it.

    Chains KUBE-… are the node's; chains CNI-… are those of the pod network that their rules name, and the ones for
    host ports where no other network is left. Empty where there is nothing to remove.
    """
    chains = re.findall(r"^:(\S+)", rules, re.MULTILINE)
    lines = [line for line in rules.splitlines() if line.startswith("-A ")]
    doomed = {chain for chain in chains if chain.startswith("KUBE-")}
    of_pods = {chain for chain in chains if chain.startswith("CNI-")}
    shared = {chain for chain in of_pods if chain.startswith("CNI-HOSTPORT-")}
    # A pod's chain is known by the rule that jumps to it, whose comment names the network.
    named = {
        target
        for line in lines
        if f'name: \\"{network}\\"' in line and (target := _target(line)) in of_pods - shared
    }
    doomed |= named
    if of_pods <= named | shared:
        doomed |= shared
    if not doomed:
        return ""
    jumps = [line for line in lines if _chain(line) not in doomed and _target(line) in doomed]
    table = re.search(r"^\*(\S+)", rules, re.MULTILINE)
    commands = [f"*{table.group(1) if table else 'filter'}"]
    commands += [line.replace("-A ", "-D ", 1) for line in jumps]
    commands += [f"-F {chain}" for chain in sorted(doomed)]
    commands += [f"-X {chain}" for chain in sorted(doomed)]
    return "\n".join([*commands, "COMMIT", ""])


def _chain(rule: str) -> str:
    return rule.split()[1]


def _target(rule: str) -> str:
    found = re.search(r" -[jg] (\S+)", rule)
    return found.group(1) if found else ""
