import pytest

from funclet.kube.kinds import KINDS, kind_of
from funclet.kube.port import InvalidError, NotFoundError
from support.api_server import Server


@pytest.mark.parametrize(
    ("kind", "collection", "path"),
    [
        ("Pod", "/api/v1/namespaces/n/pods", "/api/v1/namespaces/n/pods/x"),
        (
            "Function",
            "/apis/funclet.dev/v1alpha1/namespaces/n/functions",
            "/apis/funclet.dev/v1alpha1/namespaces/n/functions/x",
        ),
    ],
)
def test_each_kind_has_its_place(kind: str, collection: str, path: str) -> None:
    assert kind_of(kind).collection("n") == collection
    assert kind_of(kind).path("n", "x") == path
    assert kind_of(kind).path("n", "x", "status") == f"{path}/status"
    assert kind_of(kind).collection(None) == collection.replace("/namespaces/n", "")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2fb"])
def test_a_name_that_leads_elsewhere_is_none(name: str) -> None:
    with pytest.raises(InvalidError):
        kind_of("Pod").path("n", name)
    with pytest.raises(InvalidError):
        kind_of("Pod").path(name, "x")


def test_a_kind_that_funclet_has_nothing_to_do_with_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="Secret"):
        kind_of("Secret")


def test_every_kind_is_where_the_api_server_has_it(api_server: Server) -> None:
    known = api_server.plane.kubectl("api-resources", "--namespaced=true", "--output=name").split()
    for kind in KINDS.values():
        assert f"{kind.plural}.{kind.group}".rstrip(".") in known
