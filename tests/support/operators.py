"""The operator as a real process, and what of its work can be seen through the API server."""

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from funclet.kube.client import ClusterKube
from funclet.kube.connection import MERGE, Connection
from funclet.kube.kinds import kind_of
from funclet.kube.port import NotFoundError, Object
from funclet.plan.archive import zip_of
from funclet.plan.plan import Key
from support.cluster_objects import function_in
from support.objects import alias_manifest, version_manifest
from support.rendering import CAPABILITY_KEY, PYTHON_DIGEST, platform_file

#: seconds after which something that never comes true is a failure
DEADLINE = 30.0
_PROGRAM = """
import sys
from funclet.cli import main
from funclet.kube.leadership import Leadership
Leadership.__init__.__kwdefaults__.update({lease})
sys.exit(main())
"""
#: Leases that run out while a test waits
QUICK = {"duration": 3.0, "renew": 0.5}

#: what the code of `Seen.function` hashes to
CODE = hashlib.sha256(zip_of({"app.py": "x"})).hexdigest()

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]], *, within: float = DEADLINE) -> T:
    """Wait until there is something to be seen. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not (found := await look()):  # noqa: ASYNC110 - what is true of an API server has no event
            await asyncio.sleep(0.05)
        return found


@cache
def certificate() -> bytes:
    """A gateway's certificate, made once."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write_files(folder: Path, **platform: Any) -> dict[str, str]:
    """Write what an operator reads; gives the variables that name it."""
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "capability.key").write_bytes(CAPABILITY_KEY)
    (keys / "tls.crt").write_bytes(certificate())
    file = folder / "platform.yaml"
    file.write_text(yaml.safe_dump(platform_file(**platform)))
    return {"FUNCLET_PLATFORM": str(file), "FUNCLET_KEYS": str(keys)}


@dataclass
class OperatorProcess:
    """One operator; end it by leaving `running`."""

    namespace: str
    identity: str
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def said(self) -> str:
        """What it logged."""
        return self.log.read_text()

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Ask it to end; gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)

    async def leads(self) -> None:
        """Wait until it writes."""

        async def look() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended: {self.said}")
            return '"event": "leading"' in self.said

        await eventually(look)


@contextlib.contextmanager
def running(
    kubeconfig: Path,
    namespace: str,
    identity: str = "one",
    *,
    whole: bool = False,
    lease: Mapping[str, float] | None = None,
    watched: str | None = None,
    release: str = "funclet",
    **platform: Any,
) -> Iterator[OperatorProcess]:
    """Run an operator for one namespace (`whole`: for all, with its Lease there; `watched`: for another one).

    `lease`: other times for it than those that it is shipped with.
    """
    with tempfile.TemporaryDirectory(prefix="funclet-operator-") as name:
        folder = Path(name)
        environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(kubeconfig),
            "FUNCLET_NAMESPACES": "" if whole else watched or namespace,
            "FUNCLET_NAMESPACE": namespace,
            "FUNCLET_RELEASE": release,
            "FUNCLET_IDENTITY": identity,
            "FUNCLET_ADMIN_HOST": "127.0.0.1",
            "FUNCLET_ADMIN_PORT": "0",
            **write_files(folder, **platform),
        }
        program = _PROGRAM.format(lease=dict(lease or {}))
        with (folder / "log").open("wb") as log:
            command = (sys.executable, "-c", program, "operator")
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield OperatorProcess(namespace, identity, folder / "log", process)
        finally:
            process.kill()
            process.wait()


@dataclass
class Seen:
    """A namespace as somebody with a kubectl sees it."""

    connection: Connection
    namespace: str

    @cached_property
    def kube(self) -> ClusterKube:
        """The client."""
        return ClusterKube(self.connection, namespaces=[self.namespace])

    @staticmethod
    def new() -> str:
        """A name that nobody has used."""
        return f"f-{uuid.uuid4().hex[:8]}"

    def function(self, name: str, **spec: Any) -> Object:
        """A Function as a user writes it."""
        return function_in(self.namespace, name, **{"runtime": "python3.13", **spec})

    def version(self, number: int, function: str, **spec: Any) -> Object:
        """A FunctionVersion as a user writes it."""
        frozen = {"runtime": "python3.13", "runtimeDigest": PYTHON_DIGEST, "codeSha256": CODE, **spec}
        return self._here(version_manifest(number, function, **frozen))

    def alias(self, name: str, version: str, function: str, **spec: Any) -> Object:
        """An Alias as a user writes it."""
        return self._here(alias_manifest(name, version, function, **spec))

    def _here(self, manifest: Object) -> Object:
        return {**manifest, "metadata": {**manifest["metadata"], "namespace": self.namespace}}

    def key(self, name: str, kind: str = "Function") -> Key:
        """The key of an object of this namespace."""
        return Key(kind, self.namespace, name)

    async def get(self, name: str, kind: str = "Function") -> Object:
        """The object. Raises NotFoundError."""
        return await self.kube.get(self.key(name, kind))

    async def there(self, name: str, kind: str = "Function") -> Object | None:
        """The object, or None."""
        try:
            return await self.get(name, kind)
        except NotFoundError:
            return None

    async def until(
        self,
        name: str,
        holds: Callable[[Object], object],
        kind: str = "Function",
        *,
        within: float = DEADLINE,
    ) -> Object:
        """Wait until an object is there and something holds of it."""

        async def look() -> Object | None:
            found = await self.there(name, kind)
            return found if found is not None and holds(found) else None

        try:
            return await eventually(look, within=within)
        except TimeoutError as error:
            raise AssertionError(f"it never held of {await self.there(name, kind)}") from error

    async def said(self, name: str, reason: str, kind: str = "Function") -> Object:
        """Wait until Ready has this reason, for the present generation."""
        return await self.until(
            name, lambda found: is_observed(found) and condition(found).get("reason") == reason, kind
        )

    async def gone(self, name: str, kind: str = "Function") -> None:
        """Wait until there is no such object."""

        async def look() -> bool:
            return await self.there(name, kind) is None

        await eventually(look)

    async def ready(self, name: str, kind: str = "Function") -> Object:
        """Wait until it is Ready."""
        return await self.said(name, "Ready", kind)

    async def deployed(self, name: str, kind: str = "Function") -> Object:
        """Wait until it is Ready, want its revision, and wait for its Deployment."""
        status = (await self.ready(name, kind))["status"]
        revision = status["revision" if kind == "FunctionVersion" else "latestRevision"]
        await self.want(name, revision, kind)
        return await self.until(revision, bool, "Deployment")

    async def settled(self) -> None:
        """Wait until the operator has seen all that was done before."""
        name = self.new()
        await self.apply(self.function(name))
        await self.ready(name)

    async def raw(self, name: str, kind: str = "Function") -> Object:
        """The object with managedFields."""
        return await self.connection.call("GET", kind_of(kind).path(self.namespace, name))

    async def merge(
        self, name: str, patch: Object, kind: str = "Function", *, sub: str = "", by: str = "kubectl"
    ) -> Object:
        """Merge-patch an object, or a subresource of it, as kubectl does."""
        path = kind_of(kind).path(self.namespace, name, sub)
        return await self.connection.call(
            "PATCH", path, query={"fieldManager": by}, body=patch, content_type=MERGE
        )

    async def versions_of(self, *objects: tuple[str, str]) -> list[str]:
        """The resourceVersions of objects, given as kind and name."""
        return [(await self.get(name, kind))["metadata"]["resourceVersion"] for kind, name in objects]

    async def apply(self, manifest: Object) -> Object:
        """Apply as a user."""
        return await self.kube.apply(manifest, manager="user")

    async def want(self, name: str, revision: str, kind: str = "Function") -> None:
        """Want a revision's Deployment as a gateway does."""
        await self.kube.want(
            self.key(name, kind), {revision: "2026-01-01T00:00:00Z"}, manager="funclet-gateway"
        )

    async def events(self, name: str) -> list[str]:
        """The reasons of the events about an object."""
        found = await self.kube.list("Event", self.namespace)
        return [each["reason"] for each in found if (each.get("regarding") or {}).get("name") == name]


def condition(manifest: Mapping[str, Any], kind: str = "Ready") -> Mapping[str, Any]:
    """A condition of an object, empty where it has none."""
    said = (manifest.get("status") or {}).get("conditions") or ()
    return next((each for each in said if each["type"] == kind), {})


def is_observed(manifest: Mapping[str, Any]) -> bool:
    """Whether the status speaks of the present spec."""
    return bool(
        (manifest.get("status") or {}).get("observedGeneration") == manifest["metadata"]["generation"]
    )


def kstatus(manifest: Mapping[str, Any]) -> str:
    """What kstatus says of an object: Current counts as done."""
    if manifest["metadata"].get("deletionTimestamp"):
        return "Terminating"
    if not is_observed(manifest) and "observedGeneration" in (manifest.get("status") or {}):
        return "InProgress"
    if condition(manifest, "Reconciling").get("status") == "True":
        return "InProgress"
    if condition(manifest, "Stalled").get("status") == "True":
        return "Failed"
    ready = condition(manifest).get("status", "True")
    return "Current" if ready == "True" else "InProgress"
