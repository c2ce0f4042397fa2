"""Each part has the rights that it needs, each named here with its reason in docs/cluster.md, and no other."""

from collections import defaultdict
from collections.abc import Iterator

import pytest

from support.chart import NAMESPACE, ROOT, SCENARIOS, SCOPED, Object, Rendered, render, scenario

Rights = dict[tuple[str, str], set[str]]

READ = {"get", "list", "watch"}
KINDS = ("functions", "functionversions", "aliases")

OPERATOR: Rights = {
    ("funclet.dev", "functions"): READ,
    ("funclet.dev", "functionversions"): {*READ, "create", "patch", "delete"},
    ("funclet.dev", "aliases"): {*READ, "create", "patch", "delete"},
    **{("funclet.dev", f"{kind}/status"): {"patch"} for kind in KINDS},
    ("funclet.dev", "functions/finalizers"): {"update"},
    ("funclet.dev", "functionversions/finalizers"): {"update"},
    ("apps", "deployments"): {*READ, "create", "patch", "delete"},
    ("apps", "controllerrevisions"): {*READ, "create", "patch", "delete"},
    ("", "pods"): {*READ, "delete"},
    ("events.k8s.io", "events"): {"create", "patch"},
}
GATEWAY: Rights = {
    **{("funclet.dev", kind): READ for kind in KINDS},
    ("funclet.dev", "functions/status"): {"patch"},
    ("funclet.dev", "functionversions/status"): {"patch"},
    ("apps", "deployments"): READ,
    ("apps", "controllerrevisions"): READ,
    ("apps", "deployments/scale"): {"patch"},
    ("", "pods"): READ,
}
REVIEWS: Rights = {
    ("authentication.k8s.io", "tokenreviews"): {"create"},
    ("authorization.k8s.io", "subjectaccessreviews"): {"create"},
}
ROLES = ("Role", "ClusterRole")
OWN = ("operator", "gateway")


def granted(rendered: Rendered, component: str) -> dict[str, Rights]:
    """Rights of a component's service account by namespace; `*` is the whole cluster."""
    rights: dict[str, Rights] = defaultdict(lambda: defaultdict(set))
    for binding in rendered.all("RoleBinding", "ClusterRoleBinding"):
        subjects = [subject["name"] for subject in binding["subjects"]]
        if subjects == [f"funclet-{component}"]:
            where = binding["metadata"].get("namespace", "*")
            for rule in rules_of(rendered, binding):
                for right in pairs(rule):
                    rights[where][right] |= set(rule["verbs"])
    return {where: dict(found) for where, found in rights.items()}


def rules_of(rendered: Rendered, binding: Object) -> list[Object]:
    role, namespace = binding["roleRef"], binding["metadata"].get("namespace", NAMESPACE)
    rules: list[Object] = rendered.one(role["kind"], role["name"], namespace)["rules"]
    return rules


def pairs(rule: Object) -> Iterator[tuple[str, str]]:
    names = "".join(f"[{name}]" for name in rule.get("resourceNames", ()))
    return ((group, resource + names) for group in rule["apiGroups"] for resource in rule["resources"])


def all_rules(rendered: Rendered) -> list[Object]:
    return [rule for role in rendered.all(*ROLES) for rule in role["rules"]]


def test_the_operator_may_do_this_and_nothing_else() -> None:
    assert granted(render(), "operator") == {
        "*": OPERATOR,
        NAMESPACE: {
            ("coordination.k8s.io", "leases"): {"create"},
            ("coordination.k8s.io", "leases[funclet-operator]"): {"get", "patch"},
        },
    }


def test_the_lease_of_leadership_carries_the_release_as_the_operator_is_told_it() -> None:
    rendered = render(name="prod")
    (lease,) = [
        name
        for role in rendered.all("Role")
        for rule in role["rules"]
        for name in rule.get("resourceNames", ())
    ]
    (pod,) = [pod for component, pod in rendered.pods() if component == "operator"]
    env = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
    assert lease == f"{env['FUNCLET_RELEASE']}-operator" == "prod-funclet-operator"


def test_the_gateway_may_do_this_and_nothing_else() -> None:
    leases = {("coordination.k8s.io", "leases"): {"list", "create", "patch", "delete"}}
    assert granted(render(), "gateway") == {"*": GATEWAY | REVIEWS, NAMESPACE: leases}


def test_in_a_scope_each_has_the_same_rights_in_its_namespaces_alone_and_reviews_nobody() -> None:
    rendered = render(SCOPED)
    for component, rights in (("operator", OPERATOR), ("gateway", GATEWAY)):
        found = granted(rendered, component)
        assert found.keys() == {"team-a", "team-b", NAMESPACE}
        assert found["team-a"] == found["team-b"] == rights
        assert {resource.partition("[")[0] for _, resource in found[NAMESPACE]} == {"leases"}


def test_a_scope_may_have_the_release_s_own_namespace_in_it() -> None:
    rendered = render(SCOPED, {"scope": {"namespaces": [NAMESPACE]}, "defaultNamespace": NAMESPACE})
    rights = granted(rendered, "gateway")[NAMESPACE]
    assert GATEWAY.items() <= rights.items()


def test_without_tokens_of_kubernetes_nobody_reviews_them() -> None:
    assert granted(render({"auth": {"mode": "Token"}}), "gateway")["*"] == GATEWAY


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_rule_has_a_wildcard_a_secret_or_a_way_to_more_rights(name: str) -> None:
    for rule in all_rules(scenario(name)):
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert not {"secrets", "pods/exec", "pods/attach", "pods/ephemeralcontainers", "nodes/proxy"} & set(
            rule["resources"]
        )
        assert "serviceaccounts/token" not in rule["resources"]


def test_only_the_operator_makes_what_makes_pods_and_nobody_makes_pods() -> None:
    rendered = render()
    makers = {
        role["metadata"]["name"]
        for role in rendered.all(*ROLES)
        for rule in role["rules"]
        if {"create", "update", "patch"} & set(rule["verbs"])
        and {"pods", "deployments", "replicasets"} & set(rule["resources"])
    }
    assert makers == {"funclet-operator"}
    assert [
        rule for rule in all_rules(rendered) if "pods" in rule["resources"] and "create" in rule["verbs"]
    ] == []


def test_bindings_bind_the_release_s_own_accounts() -> None:
    for binding in render().all("RoleBinding", "ClusterRoleBinding"):
        (subject,) = binding["subjects"]
        assert subject["kind"] == "ServiceAccount"
        assert subject["namespace"] == NAMESPACE
        assert subject["name"] in {"funclet-operator", "funclet-gateway"}


def test_an_existing_service_account_is_bound_and_none_is_made() -> None:
    own = {"serviceAccount": {"create": False, "name": "mine"}}
    rendered = render({"operator": own, "gateway": own})
    assert rendered.all("ServiceAccount") == []
    assert {
        binding["subjects"][0]["name"] for binding in rendered.all("RoleBinding", "ClusterRoleBinding")
    } == {"mine"}
    assert {pod["spec"].get("serviceAccountName") for _, pod in rendered.pods()} == {"mine", None}


def test_without_rbac_nothing_is_granted() -> None:
    rendered = render({"rbac": {"create": False}})
    assert rendered.all(*ROLES, "RoleBinding", "ClusterRoleBinding") == []


def test_users_get_the_resources_through_the_cluster_s_own_roles() -> None:
    rendered = render()
    aggregated = {
        role["metadata"]["name"]: {
            label.rpartition("-")[2]
            for label in role["metadata"]["labels"]
            if label.startswith("rbac.authorization.k8s.io/aggregate-to-")
        }
        for role in rendered.all("ClusterRole")
    }
    assert aggregated.pop("funclet-view") == {"view", "edit", "admin"}
    assert aggregated.pop("funclet-edit") == {"edit", "admin"}
    assert set().union(*aggregated.values()) == set()
    viewing = rendered.one("ClusterRole", "funclet-view")["rules"]
    assert {verb for rule in viewing for verb in rule["verbs"]} == READ


def test_calling_is_a_right_of_its_own() -> None:
    rules = render().one("ClusterRole", "funclet-invoker")["rules"]
    assert rules == [{"apiGroups": ["funclet.dev"], "resources": ["functions"], "verbs": ["invoke"]}]


def test_the_cluster_s_own_roles_are_left_alone_if_a_value_says_so() -> None:
    labels = [
        role["metadata"]["labels"] for role in render({"rbac": {"aggregate": False}}).all("ClusterRole")
    ]
    assert not any("aggregate-to" in key for each in labels for key in each)


@pytest.mark.parametrize("component", OWN)
def test_the_documentation_tells_every_right(component: str) -> None:
    text = (ROOT / "docs" / "cluster.md").read_text()
    section = text.partition(f"### {component.capitalize()}\n")[2].partition("\n#")[0]
    rights = {**OPERATOR} if component == "operator" else {**GATEWAY, **REVIEWS}
    for _, resource in (*rights, ("", "leases")):
        assert f"`{resource}`" in section
