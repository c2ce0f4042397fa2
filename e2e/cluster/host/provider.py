"""The host provider: one node on this machine, up in seconds and gone without a trace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import archives, binaries, commands, containerd, shell
from cluster.errors import CannotRun
from cluster.host import cgroups, credentials, dns, leftovers, machine, network, settings, sysctls
from cluster.kubectl import Kubectl
from cluster.locks import locked
from cluster.processes import Processes
from cluster.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.containerd import Loaded

READY_SECONDS = 120.0
# In this order they are started.
PROCESSES = (
    "containerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)


@dataclass
class Host:
    """One node on this machine; there is at most one, whoever asks."""

    say: Callable[[str], None] = field(default_factory=Progress)

    @property
    def kubeconfig(self) -> Path:
        path = settings.STATE / "kubeconfig"
        if not path.exists():
            raise CannotRun("there is no cluster on this machine: make cluster")
        return path

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(binaries.find(binaries.KUBERNETES) / "kubectl", self.kubeconfig)

    def up(self) -> None:
        machine.require()
        programs = binaries.build(binaries.KUBERNETES, self.say)
        coredns = binaries.build(binaries.COREDNS, self.say)
        with locked(settings.LOCK):
            self._up(programs, coredns)

    def down(self) -> None:
        machine.require()
        with locked(settings.LOCK):
            if settings.STATE.exists():
                self._down()
                self.say("the cluster is gone")
            else:
                self.say("there is no cluster on this machine")

    def status(self) -> str:
        running = self._processes().running() if settings.STATE.exists() else {}
        lines = [f"{name:24} {_state(running.get(name))}" for name in PROCESSES]
        if "kube-apiserver" in running:
            lines.append(self.kubectl("get", "nodes,pods", "--all-namespaces", "-o", "wide", timeout=10))
        return "\n".join(lines)

    def load(self, archive: Path) -> list[Loaded]:
        return containerd.load(self._ctr(), archive)

    def _up(self, programs: Path, coredns: Path) -> None:
        if leftovers.of_another_boot():
            self.say("removing what a cluster left before this machine started anew")
            self._down()
        found = machine.prepare(self.say)
        leftovers.mark()
        processes = self._processes()
        missing = [name for name in PROCESSES if name not in processes.running()]
        if missing:
            cgroups.prepare()
            network.prepare()
            admin = credentials.prepare()
            argvs = self._command_lines(programs, found)
            self._start(processes, argvs, missing, admin.answers, programs)
        self._add_dns(coredns, found)
        self._wait_ready(processes)
        self.say(f"the cluster is ready: export KUBECONFIG={self.kubeconfig}")

    def _down(self) -> None:
        # All that they store is thrown away: none needs to end in order.
        self._processes().end(grace=0)
        cgroups.clear()
        leftovers.end_shims()
        leftovers.unmount()
        network.clear()
        sysctls.restore()
        leftovers.remove_files()

    def _processes(self) -> Processes:
        return Processes(settings.STATE / "processes")

    def _ctr(self) -> list[str]:
        return [shell.which("ctr") or "ctr", "--address", str(settings.socket()), "--namespace", "k8s.io"]

    def _command_lines(self, programs: Path, found: settings.Machine) -> dict[str, list[str]]:
        """Writes the configuration files that they name."""
        state = settings.STATE
        plane = credentials.control_plane(programs)
        containerd_config = _write(state / "containerd.toml", settings.containerd(found))
        kubelet = _write(
            state / "kubelet.json", json.dumps(settings.kubelet(found, plane.authority.certificate))
        )
        proxy = _write(
            state / "kube-proxy.json",
            json.dumps(settings.kube_proxy(found, credentials.kubeconfig("kube-proxy"))),
        )
        _write(state / "cni" / "10-funclet.conflist", json.dumps(settings.pod_network()))
        return {
            "containerd": [shell.which("containerd") or "containerd", f"--config={containerd_config}"],
            "etcd": commands.etcd(plane),
            "kube-apiserver": commands.api_server(plane, *credentials.for_kubelets()),
            "kube-controller-manager": commands.controller_manager(
                plane, credentials.kubeconfig("kube-controller-manager")
            ),
            "kube-scheduler": commands.scheduler(programs, credentials.kubeconfig("kube-scheduler")),
            "kubelet": settings.kubelet_command(programs, credentials.kubeconfig("kubelet"), kubelet),
            "kube-proxy": [f"{programs}/kube-proxy", f"--config={proxy}"],
        }

    def _start(
        self,
        processes: Processes,
        argvs: dict[str, list[str]],
        missing: list[str],
        answers: Callable[[str], bool],
        programs: Path,
    ) -> None:
        """Start containerd and the API server first, side by side; the others need them both."""
        self.say(f"starting {', '.join(missing)}")
        env = {"PATH": shell.PATH}
        first, then = PROCESSES[:3], PROCESSES[3:]
        for name in first:
            if name in missing:
                processes.start(name, argvs[name], env=env)
        processes.wait_until(self._containerd_answers, ["containerd"], seconds=60, what="containerd answers")
        self._load_program(settings.PAUSE_IMAGE, programs / "pause")
        processes.wait_until(
            lambda: answers("/readyz") and answers("/api/v1/namespaces/kube-system"),
            ["etcd", "kube-apiserver"],
            seconds=READY_SECONDS,
            what="the API server is ready",
        )
        self.say("the API server is ready")
        for name in then:
            if name in missing:
                processes.start(name, argvs[name], env=env)

    def _containerd_answers(self) -> bool:
        # Its socket file is there before anything answers.
        return shell.succeeds(*self._ctr(), "version")

    def _load_program(self, name: str, program: Path) -> None:
        archive = settings.STATE / f"{program.name}.tar"
        if not archive.exists():
            containerd.load(self._ctr(), archives.write_program_image(archive, name=name, program=program))

    def _add_dns(self, coredns: Path, found: settings.Machine) -> None:
        self._load_program(dns.IMAGE, coredns / "coredns")
        self.kubectl.apply(*dns.manifests(Path(found.resolv_conf).read_text("utf-8")))

    def _wait_ready(self, processes: Processes) -> None:
        kubectl = self.kubectl
        ready = "-o=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
        processes.wait_until(
            lambda: kubectl("get", "nodes", ready) == "True",
            PROCESSES,
            seconds=READY_SECONDS,
            what="the node is ready",
        )
        self.say("the node is ready")
        processes.wait_until(
            lambda: dns.answers("kubernetes.default.svc.cluster.local"),
            PROCESSES,
            seconds=READY_SECONDS,
            what="DNS answers",
        )
        self.say("DNS answers")


def _state(process: object) -> str:
    return "not running" if process is None else f"runs ({process})"


def _write(path: Path, text: str) -> Path:
    """A file that is as it should be is left alone: kube-proxy ends when its own is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
    return path
