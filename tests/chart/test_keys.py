"""The keys: made well, in the Secret alone, and given to each process as far as it needs them."""

import re
from base64 import b64decode
from hashlib import sha256

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from support.chart import SCENARIOS, Values, render

OPERATOR_KEYS = {"tls.crt", "capability.key"}
GATEWAY_KEYS = OPERATOR_KEYS | {"tls.key", "relay.key", "api.token"}


def made() -> dict[str, bytes]:
    (secret,) = render().all("Secret")
    return {name: b64decode(value) for name, value in secret["data"].items()}


def test_the_pair_of_the_gateways_is_rsa_of_2048_bits() -> None:
    keys = made()
    private = load_pem_private_key(keys["tls.key"], None)
    public = x509.load_pem_x509_certificate(keys["tls.crt"]).public_key()
    assert isinstance(private, RSAPrivateKey)
    assert isinstance(public, RSAPublicKey)
    assert private.key_size == 2048
    assert private.public_key().public_numbers() == public.public_numbers()


def test_each_shared_key_is_its_own_and_long_and_plain_text() -> None:
    keys = made()
    shared = [keys[name] for name in ("capability.key", "relay.key", "api.token")]
    assert len(set(shared)) == 3
    for key in shared:
        assert re.fullmatch(rb"[A-Za-z0-9]{64}", key)


def test_pods_carry_a_checksum_of_the_keys_that_the_secret_holds() -> None:
    rendered = render()
    (secret,) = rendered.all("Secret")
    text = yaml.safe_dump(secret["data"], width=10**6).strip()
    told = {
        component: pod["metadata"]["annotations"].get("checksum/keys") for component, pod in rendered.pods()
    }
    made = sha256(text.encode()).hexdigest()
    assert told == {"operator": made, "gateway": made, "test": None}


def test_a_secret_of_one_s_own_is_not_looked_into() -> None:
    for _, pod in render({"keys": {"existingSecret": "mine"}}).pods():
        assert "checksum/keys" not in pod["metadata"]["annotations"]


def test_no_two_installations_have_the_same_keys() -> None:
    assert not set(made().values()) & set(made().values())


def test_no_key_is_written_anywhere_but_into_the_secret() -> None:
    rendered = render(SCENARIOS["everything switched on"])
    (path,) = [path for path, text in rendered.files.items() if "kind: Secret" in text]
    (secret,) = yaml.safe_load_all(rendered.files[path])
    for name, value in secret["data"].items():
        for other, text in rendered.files.items():
            if other != path:
                assert value not in text, (name, other)
                assert b64decode(value).decode() not in text, (name, other)


@pytest.mark.parametrize(("component", "keys"), [("operator", OPERATOR_KEYS), ("gateway", GATEWAY_KEYS)])
def test_a_process_is_given_the_keys_that_it_needs(component: str, keys: set[str]) -> None:
    pod = render().one("Deployment", f"funclet-{component}")["spec"]["template"]
    (secret,) = [volume["secret"] for volume in pod["spec"]["volumes"] if "secret" in volume]
    assert {item["key"] for item in secret["items"]} == keys
    assert all(item["key"] == item["path"] for item in secret["items"])
    assert secret["defaultMode"] == 0o440


def test_the_test_is_given_the_token_only_if_it_calls_a_function() -> None:
    assert "volumes" not in render().one("Pod", "funclet-test")["spec"]
    spec = render({"tests": {"invoke": "greet"}}).one("Pod", "funclet-test")["spec"]
    assert [item["key"] for volume in spec["volumes"] for item in volume["secret"]["items"]] == ["api.token"]


def test_a_secret_of_one_s_own_is_used_and_none_is_made() -> None:
    rendered = render({"keys": {"existingSecret": "mine"}})
    assert rendered.all("Secret") == []
    names = {
        volume["secret"]["secretName"]
        for _, pod in rendered.pods()
        for volume in pod["spec"].get("volumes", ())
        if "secret" in volume
    }
    assert names == {"mine"}


@pytest.mark.parametrize(("values", "policy"), [({}, "keep"), ({"keys": {"keep": False}}, None)])
def test_the_secret_outlives_the_release_unless_a_value_says_otherwise(
    values: Values, policy: str | None
) -> None:
    (secret,) = render(values).all("Secret")
    assert secret["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == policy
