"""Contract 2: nothing is served before a gateway has proved itself, and the supervisor proves itself in turn."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st

from funclet.supervisor.digest import hmac_sha256
from funclet.supervisor.gateway_server import GatewayConnection, GatewayServer
from funclet.supervisor.pod_settings import Key
from funclet.supervisor.prove import Trust, verify
from support.pod import KEY, OTHER_KEY, POD, UID, loop_in_this_process, prove, supervisor_proof, words
from support.supervisor import REVISION, Gateway, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.conftest import Functions

ECHO = "def handler(event, context): return event"
OTHER_UID = "00000000-93a5-4f4d-9a53-0d1c5a4f2f11"
processes = pytest.mark.processes


def guarded(functions: Functions, **changes: Any) -> Supervisor:
    return functions.python(
        ECHO, **{"keys": [KEY.setting, OTHER_KEY.setting], "variables": POD, "quiet_ms": 0, **changes}
    )


def proved(supervisor: Supervisor) -> Gateway:
    gateway = supervisor.gateway()
    assert prove(gateway).status == 200
    return gateway


@processes
def test_the_greeting_names_the_contract_a_fresh_challenge_and_the_keys(functions: Functions) -> None:
    supervisor = guarded(functions)
    with supervisor.gateway() as one, supervisor.gateway() as two:
        assert one.greeting[0] == "FUNCLET/2"
        assert (words(one)["revision"], words(one)["keys"]) == (REVISION, "one,two")
        assert len(bytes.fromhex(words(one)["challenge"])) == 16
        assert words(one)["boot"] == words(two)["boot"]
        assert words(one)["challenge"] != words(two)["challenge"]


@processes
@pytest.mark.parametrize("key", [KEY, OTHER_KEY])
def test_after_the_proof_everything_is_served(functions: Functions, key: Any) -> None:
    with guarded(functions).gateway() as gateway:
        nonce = uuid.uuid4().hex
        answer = prove(gateway, key, x_funclet_nonce=nonce)
        assert (answer.status, answer.headers["x-funclet-proof"]) == (200, supervisor_proof(nonce))
        assert gateway.invoke(b"7").json == 7
        assert gateway.request("GET", "/ready").status == 200
        assert gateway.request("POST", "/prove").status == 404
        assert gateway.request("POST", "/retire").status == 204


@processes
@pytest.mark.parametrize(
    "ask",
    [
        lambda gateway: gateway.invoke(),
        lambda gateway: gateway.request("GET", "/ready"),
        lambda gateway: gateway.request("POST", "/retire"),
        lambda gateway: gateway.request("POST", "/fence", x_funclet_token="0" * 32),
        lambda gateway: gateway.request("GET", "/prove"),
        lambda gateway: gateway.request("POST", "/nowhere"),
    ],
)
def test_before_the_proof_nothing_is(functions: Functions, ask: Callable[[Gateway], Any]) -> None:
    supervisor = guarded(functions)
    with supervisor.gateway() as gateway:
        assert ask(gateway).status == 401
        assert gateway.ended()
    with proved(supervisor) as gateway:
        assert gateway.invoke(b"1").json == 1


@processes
def test_a_proof_holds_for_its_connection_alone(functions: Functions) -> None:
    supervisor = guarded(functions)
    with proved(supervisor), supervisor.gateway() as other:
        assert other.invoke().status == 401


@processes
def test_a_replayed_signature_proves_nothing(functions: Functions) -> None:
    supervisor = guarded(functions)
    with supervisor.gateway() as overheard:
        signature = KEY.sign(words(overheard)["challenge"])
        assert prove(overheard, x_funclet_signature=signature).status == 200
    with supervisor.gateway() as gateway:
        assert prove(gateway, x_funclet_signature=signature).status == 401
        assert gateway.ended()


@processes
def test_a_signature_for_the_pod_that_had_the_address_before_is_refused(functions: Functions) -> None:
    with guarded(functions).gateway() as gateway:
        assert prove(gateway, uid=OTHER_UID).status == 401
        assert gateway.ended()


@processes
def test_a_pod_with_a_recycled_address_cannot_prove_that_it_is_the_other(functions: Functions) -> None:
    supervisor = guarded(functions)
    nonce = uuid.uuid4().hex
    with supervisor.gateway() as gateway:
        proof = prove(gateway, x_funclet_nonce=nonce).headers["x-funclet-proof"]
    assert proof != supervisor_proof(nonce, OTHER_UID)


@processes
@pytest.mark.parametrize(
    "changes",
    [
        {"x_funclet_key": "three"},
        {"x_funclet_key": "two"},
        {"x_funclet_key": ""},
        {"x_funclet_nonce": "short"},
        {"x_funclet_nonce": "g" * 32},
        {"x_funclet_signature": ""},
        {"x_funclet_signature": "!"},
        {"x_funclet_signature": "A" * 4000},
        {"x_funclet_signature": base64.b64encode(b"\xff" * 256).decode()},
        {"x_funclet_signature": base64.b64encode(bytes(256)).decode()},
        {"content_length": "5"},
        {"transfer_encoding": "chunked"},
    ],
)
def test_a_proof_that_is_not_one_ends_the_connection(functions: Functions, changes: dict[str, str]) -> None:
    with guarded(functions).gateway() as gateway:
        assert prove(gateway, KEY, **changes).status == 401
        assert gateway.ended()


@processes
def test_without_keys_the_greeting_is_that_of_contract_1(functions: Functions) -> None:
    with functions.python(ECHO, variables=POD).gateway() as gateway:
        assert gateway.greeting[0] == "FUNCLET/1"
        assert gateway.invoke(b"1").json == 1


@processes
def test_without_a_pod_there_is_no_supervisor_with_keys(functions: Functions) -> None:
    supervisor = functions.python(ECHO, keys=[KEY.setting], variables={**POD, "FUNCLET_POD_UID": ""})
    assert supervisor.exit_status() == 1
    assert "FUNCLET_POD_UID" in supervisor.complaint()


def test_a_gateway_has_seconds_to_prove_itself() -> None:
    near, far = socket.socketpair()
    trust = Trust((Key(KEY.setting),), UID)
    with far, loop_in_this_process() as loop:
        server = GatewayServer(loop, None)  # type: ignore[arg-type]  # asked for nothing
        connection = GatewayConnection(loop, near, server, None, trust.demand())  # type: ignore[arg-type]  # the same
        assert not connection.overdue(loop.now + 4)
        assert connection.overdue(loop.now + 6)
        connection.close()


MESSAGE = b"funclet-gateway\nchallenge\nuid"
PUBLIC = Key(KEY.setting)


def test_a_signature_made_otherwise_is_refused() -> None:
    pkcs1, sha256 = padding.PKCS1v15(), hashes.SHA256()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    assert verify(PUBLIC, KEY.private.sign(MESSAGE, pkcs1, sha256), MESSAGE)
    for wrong in (
        KEY.private.sign(MESSAGE, pkcs1, hashes.SHA1()),  # noqa: S303 - refused
        KEY.private.sign(MESSAGE, pkcs1, hashes.SHA512()),
        KEY.private.sign(MESSAGE, pss, sha256),
        OTHER_KEY.private.sign(MESSAGE, pkcs1, sha256),
    ):
        assert not verify(PUBLIC, wrong, MESSAGE)


@settings(max_examples=60, deadline=None)
@given(position=st.integers(min_value=0, max_value=2047), grown=st.binary(max_size=3))
def test_a_changed_signature_is_refused(position: int, grown: bytes) -> None:
    signature = bytearray(KEY.private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256()))
    assert verify(PUBLIC, bytes(signature), MESSAGE)
    assert not verify(PUBLIC, bytes(signature) + grown + b"\0", MESSAGE)
    assert not verify(PUBLIC, b"\0" + bytes(signature), MESSAGE)
    signature[position // 8] ^= 1 << position % 8
    assert not verify(PUBLIC, bytes(signature), MESSAGE)


def test_a_signature_that_is_the_same_modulo_n_is_refused() -> None:
    signature = int.from_bytes(KEY.private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA256()), "big")
    for multiple in range(1, 4):
        number = signature + multiple * PUBLIC.n
        length = (number.bit_length() + 7) // 8
        assert not verify(PUBLIC, number.to_bytes(length, "big"), MESSAGE)


def test_an_encoding_with_anything_behind_the_hash_is_refused() -> None:
    # What parsers of the encoding fell for with e = 3: fewer FF bytes, and room for garbage.
    private = KEY.private.private_numbers()
    info = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(MESSAGE).digest()
    forged = (b"\x00\x01" + b"\xff" * 8 + b"\x00" + info).ljust(256, b"\0")
    signature = pow(int.from_bytes(forged, "big"), private.d, PUBLIC.n).to_bytes(256, "big")
    assert not verify(PUBLIC, signature, MESSAGE)


@given(key=st.binary(max_size=200), message=st.binary(max_size=300))
def test_the_hmac_is_that_of_the_standard_library(key: bytes, message: bytes) -> None:
    assert hmac_sha256(key, message) == hmac.new(key, message, hashlib.sha256).digest()
