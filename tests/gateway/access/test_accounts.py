"""Which namespace an account is."""

from funclet.gateway.access.accounts import Accounts
from funclet.plan.accounts import derived_account
from funclet.plan.revision import Platform

CLUSTER = Platform(None, "us-east-1", {})
LAPTOP = Platform("123456789012", "us-east-1", {})


def test_on_a_cluster_each_namespace_with_functions_is_an_account() -> None:
    accounts = Accounts(CLUSTER, "default")
    accounts.know(["shop", "bank"])
    for namespace in ("shop", "bank", "default"):
        assert accounts.account_of(namespace) == derived_account(namespace)
        assert accounts.namespace_of(derived_account(namespace)) == namespace
        assert accounts.knows(namespace)
    assert accounts.namespace_of(derived_account("empty")) is None
    assert not accounts.knows("empty")


def test_a_namespace_without_functions_any_more_is_nobodys_account() -> None:
    accounts = Accounts(CLUSTER, "default")
    accounts.know(["shop"])
    accounts.know([])
    assert accounts.namespace_of(derived_account("shop")) is None


def test_without_an_account_the_default_namespace_is_meant() -> None:
    assert Accounts(CLUSTER, "functions").namespace_of(None) == "functions"
    assert Accounts(CLUSTER, "functions").namespace_of(derived_account("functions")) == "functions"


def test_a_laptop_has_one_account() -> None:
    accounts = Accounts(LAPTOP, "default")
    assert accounts.account_of("default") == "123456789012"
    assert accounts.namespace_of("123456789012") == "default"
    assert accounts.namespace_of("999999999999") is None
