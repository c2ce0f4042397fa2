"""Two releases in one namespace, each with a scope and with its own Roles alone: real operators that do not meet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from cluster.errors import CannotRun
from funclet.kube.client import connect
from funclet.kube.config import InFile
from funclet.kube.connection import Connection, open_connection
from funclet.kube.membership import Membership
from support.chart import NAMESPACE, Object
from support.chart_cluster import RELEASES, Cluster, two_releases
from support.operators import OperatorProcess, Seen, eventually, running

pytestmark = pytest.mark.processes

Operators = Mapping[str, OperatorProcess]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    try:
        with two_releases() as started:
            yield started
    except CannotRun as lack:
        pytest.skip(str(lack))


@pytest.fixture(scope="module")
def operators(cluster: Cluster) -> Iterator[Operators]:
    """An operator of each release, which speaks as the release's own account."""
    with contextlib.ExitStack() as stack:
        yield {
            name: stack.enter_context(
                running(
                    cluster.kubeconfig_of(f"{name}-funclet-operator"),
                    NAMESPACE,
                    f"{name}-1",
                    watched=namespace,
                    release=f"{name}-funclet",
                )
            )
            for name, namespace in RELEASES.items()
        }


@pytest.fixture
async def connection(cluster: Cluster) -> AsyncIterator[Connection]:
    opened = await open_connection(InFile(str(cluster.plane.kubeconfig)))
    yield opened
    await opened.close()


async def test_both_lead_by_a_lease_of_their_own(operators: Operators, connection: Connection) -> None:
    await asyncio.gather(*(each.leads() for each in operators.values()))
    seen = Seen(connection, NAMESPACE)
    for name in RELEASES:
        lease = await seen.get(f"{name}-funclet-operator", "Lease")
        assert lease["spec"]["holderIdentity"] == f"{name}-1"
        assert lease["metadata"]["labels"]["funclet.dev/release"] == f"{name}-funclet"


@pytest.mark.parametrize("name", RELEASES)
async def test_an_operator_does_all_of_its_work_by_the_roles_of_its_scope(
    operators: Operators, connection: Connection, name: str
) -> None:
    seen = Seen(connection, RELEASES[name])
    function = seen.new()
    await seen.apply(seen.function(function, publish="Auto", publishAlias="live"))
    await seen.until(function, lambda found: (found.get("status") or {}).get("publication"))
    assert (await seen.deployed(function))["spec"]["replicas"] == 0

    async def alias() -> Object | None:
        found = await seen.kube.list("Alias")
        return next((each for each in found if each["spec"]["function"] == function), None)

    await seen.ready((await eventually(alias))["metadata"]["name"], "Alias")

    async def told() -> bool:
        return "Published" in await seen.events(function)

    await eventually(told)
    await seen.kube.delete(seen.key(function))
    await seen.gone(function)
    assert operators[name].process.poll() is None
    assert "orbidden" not in operators[name].said


async def test_an_operator_writes_nothing_in_the_scope_of_the_other(
    operators: Operators, connection: Connection
) -> None:
    one, two = (Seen(connection, namespace) for namespace in RELEASES.values())
    operators["two"].kill()
    function = two.new()
    await two.apply(two.function(function))
    # The first one has seen all that came before, and would have seen this.
    await one.settled()
    assert "status" not in await two.get(function)


async def test_gateways_of_the_two_are_no_peers(cluster: Cluster) -> None:
    members = []
    async with contextlib.AsyncExitStack() as stack:
        for name in RELEASES:
            kube = await connect(cluster.kubeconfig_of(f"{name}-funclet-gateway"))
            stack.push_async_callback(kube.close)
            members.append(
                Membership(
                    kube,
                    namespace=NAMESPACE,
                    release=f"{name}-funclet",
                    identity=f"{name}-1",
                    address="192.0.2.1:8702",
                )
            )
        for member in (*members, *members):
            await member.attempt()
        assert [list(member.peers) for member in members] == [["one-1"], ["two-1"]]
        for member in members:
            await member.leave()


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_no_operator_may_touch_the_lease_of_the_other(cluster: Cluster, verb: str) -> None:
    pairs = [(asking, asked) for asking in RELEASES for asked in RELEASES]
    reviews: list[Object] = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{NAMESPACE}:{asking}-funclet-operator",
                "resourceAttributes": {
                    "verb": verb,
                    "group": "coordination.k8s.io",
                    "resource": "leases",
                    "namespace": NAMESPACE,
                    "name": f"{asked}-funclet-operator",
                },
            },
        }
        for asking, asked in pairs
    ]
    told = cluster.plane.kubectl(
        "create", "-f", "-", "-o", 'jsonpath={.status.allowed}{"\\n"}', manifests=reviews
    )
    assert [each == "true" for each in told.split()] == [asking == asked for asking, asked in pairs]
