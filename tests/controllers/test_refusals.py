"""An API server that refuses what the operator writes: quotas and admission policies."""

import asyncio
import itertools

from funclet.kube.connection import Connection
from funclet.kube.port import KubeError
from support.operators import Seen, condition, eventually
from support.reconcilers import at_work, reconciler

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


async def forbid_updates(connection: Connection, namespace: str) -> None:
    """Have nobody change a Deployment of a namespace."""
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["UPDATE"],
        "resources": ["deployments"],
    }
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [rule],
            },
            "validations": [{"expression": "false", "message": "no changes on Fridays"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace, "validationActions": ["Deny"]},
    }
    await connection.call("POST", f"{_ADMISSION}/validatingadmissionpolicies", body=policy)
    await connection.call("POST", f"{_ADMISSION}/validatingadmissionpolicybindings", body=binding)


async def test_a_quota_on_versions_is_told_and_uses_up_no_numbers(
    connection: Connection, namespace: str
) -> None:
    seen, counted = Seen(connection, namespace), "count/functionversions.funclet.dev"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": namespace},
        "spec": {"hard": {counted: "0"}},
    }
    await seen.kube.create(quota, manager="kubectl")
    used = {"hard": {counted: "0"}, "used": {counted: "0"}}
    await seen.merge("none", {"status": used}, "ResourceQuota", sub="status", by="kube-controller-manager")
    async with at_work(reconciler(seen.kube)):
        await seen.apply(seen.function("greet", publish="Auto"))
        told = await seen.said("greet", "QuotaExceeded")
        assert "exceeded quota: none" in condition(told)["message"]
        assert told["status"]["servingRevision"] == told["status"]["latestRevision"]
        await asyncio.sleep(1)
        assert (await seen.get("greet"))["status"]["lastVersion"] == 1
        await seen.kube.delete(seen.key("none", "ResourceQuota"))
        await seen.ready("greet")
    (version,) = await seen.kube.list("FunctionVersion")
    assert version["spec"]["version"] == "1"


async def test_a_policy_against_changes_of_a_deployment_keeps_no_new_code_from_being_served(
    connection: Connection, namespace: str
) -> None:
    seen = Seen(connection, namespace)
    async with at_work(reconciler(seen.kube)):
        await seen.apply(seen.function("greet"))
        revision = (await seen.deployed("greet"))["metadata"]["name"]
    await seen.merge(revision, {"spec": {"progressDeadlineSeconds": 77}}, "Deployment")
    await forbid_updates(connection, namespace)

    numbers = itertools.count(78)

    async def refused() -> bool:
        try:
            await seen.merge(revision, {"spec": {"progressDeadlineSeconds": next(numbers)}}, "Deployment")
        except KubeError:
            return True
        return False

    await eventually(refused)
    async with at_work(reconciler(seen.kube)):
        told = await seen.said("greet", "WriteRefused")
        assert "no changes on Fridays" in condition(told)["message"]
        await seen.apply(seen.function("greet", memory="512Mi"))
        changed = await seen.until("greet", lambda found: found["status"]["latestRevision"] != revision)
        assert changed["status"]["servingRevision"] == changed["status"]["latestRevision"]

        async def recorded() -> bool:
            return "WriteRefused" in await seen.events("greet")

        await eventually(recorded)
