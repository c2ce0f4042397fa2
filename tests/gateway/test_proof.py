"""Contract 2 from the gateway's side: what a connection proves both ways before anything of a call is sent."""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from funclet.gateway.ask import AskError, ask
from funclet.gateway.greeting import Greeting
from funclet.gateway.http_answer import Answered
from funclet.gateway.ports import Instance, TcpAddress
from funclet.gateway.proof import ProofError, Signer, Trust, load_signer, proof_for
from funclet.gateway.upstream import Broken, Ending, Link, Undialled
from funclet.process.keys import key_id
from support.gateway import revision, until
from support.pod import KEY, OTHER_KEY, UID, supervisor_proof

CHALLENGE = "0123456789abcdef0123456789abcdef"
SIGNER = Signer({"one": KEY.private})
TRUST: Trust = (SIGNER, UID)
HELLO = revision()
EVENT = b'"the event"'
HEAD = b"POST /invoke HTTP/1.1\r\nhost: funclet\r\ncontent-length: 11\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1"
GREETING = (
    f"FUNCLET/2 boot=0123456789abcdef revision={HELLO.key} challenge={CHALLENGE} keys=one,two\r\n".encode()
)
ONE = f"FUNCLET/1 boot=0123456789abcdef revision={HELLO.key}\r\n".encode()


def greeting(*keys: str, challenge: str | None = CHALLENGE) -> Greeting:
    return Greeting("0123456789abcdef", HELLO.key, challenge, keys)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


# -- the proof as a value


def test_a_socket_of_our_own_needs_no_proof() -> None:
    assert proof_for(greeting(challenge=None), None) is None


def test_a_supervisor_that_wants_a_proof_gets_none_where_there_is_no_key() -> None:
    with pytest.raises(ProofError, match="no key here"):
        proof_for(greeting("one"), None)


def test_a_supervisor_that_wants_no_proof_is_refused_where_one_is_needed() -> None:
    with pytest.raises(ProofError):
        proof_for(greeting(challenge=None), TRUST)


def test_a_supervisor_that_knows_none_of_our_keys_is_refused() -> None:
    with pytest.raises(ProofError, match="no key of this gateway"):
        proof_for(greeting("two", "three"), TRUST)


def test_during_a_rotation_the_first_key_that_both_know_signs() -> None:
    signer = Signer({"two": OTHER_KEY.private, "one": KEY.private})
    assert b"x-funclet-key: two\r\n" in signer.prove(greeting("three", "two", "one"), UID).request


def test_no_two_proofs_have_the_same_nonce() -> None:
    proofs = [SIGNER.prove(greeting("one"), UID) for _ in range(3)]
    assert len({each.expected for each in proofs}) == 3


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 401 Unauthorized",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nx-funclet-proof: ",
        b"HTTP/1.1 200 OK\r\nx-funclet-proof: " + b"0" * 64,
        b"HTTP/1.1 200 OK\r\nx-funclet-proof",
        b"HTTP/1.0 200 OK\r\nx-funclet-proof: PROOF",
        b"HTTP/1.1 401 No\r\nx-funclet-proof: PROOF",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\nx-funclet-proof: PROOF",
        b"HTTP/1.1 200 OK\r\nx-funclet-proof: \xff\xfe",
    ],
)
def test_an_answer_that_proves_nothing_is_refused(head: bytes) -> None:
    proof = SIGNER.prove(greeting("one"), UID)
    with pytest.raises(ProofError):
        proof.check(head.replace(b"PROOF", proof.expected.encode()))


def test_the_proof_of_this_pod_is_believed() -> None:
    proof = SIGNER.prove(greeting("one"), UID)
    nonce = proof.request.split(b"x-funclet-nonce: ")[1][:32].decode()
    assert proof.expected == supervisor_proof(nonce)
    proof.check(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Funclet-Proof: " + proof.expected.encode())


def test_keys_are_named_as_the_supervisors_are_told_them() -> None:
    made = load_signer([pem(KEY.private), pem(OTHER_KEY.private)])
    for each in (KEY, OTHER_KEY):
        name = key_id(each.private.public_key())
        assert f"x-funclet-key: {name}\r\n".encode() in made.prove(greeting(name), UID).request


@pytest.mark.parametrize("content", [[], [b"garbage"], [pem(ec.generate_private_key(ec.SECP256R1()))]])
def test_what_is_no_rsa_key_is_refused(content: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_signer(content)


# -- what goes over the wire


def proving(head: bytes, uid: str = UID) -> bytes:
    """What the pod of this uid answers to a proof's request."""
    nonce = re.search(rb"x-funclet-nonce: ([0-9a-f]{32})\r\n", head)
    assert nonce is not None
    said = hmac.new(uid.encode(), b"funclet-supervisor\n" + nonce[1], hashlib.sha256).hexdigest()
    return f"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-funclet-proof: {said}\r\n\r\n".encode()


class Peer:
    """Whoever has the address: greets, answers the proof as a test says, and remembers every byte that came."""

    def __init__(self) -> None:
        self.greeting = GREETING
        self.proof: Callable[[bytes], bytes] = proving
        self.piecewise = False
        self.came: list[bytes] = []
        self.ended = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    @property
    def address(self) -> TcpAddress:
        """Where it is."""
        host, port = self._server.sockets[0].getsockname()
        return TcpAddress(host, port)

    async def close(self) -> None:
        """End all connections."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        index = len(self.came)
        self.came.append(b"")
        try:
            await self._say(writer, self.greeting)
            answers = [self.proof] if b"challenge" in self.greeting else []
            answers.append(lambda _: ANSWER)
            for answer in answers:
                head = b""
                while b"\r\n\r\n" not in head and (piece := await reader.read(65536)):
                    head += piece
                    self.came[index] += piece
                if not head:
                    return
                await self._say(writer, answer(head))
            await reader.read()
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            self.ended += 1
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, words: bytes) -> None:
        size = 1 if self.piecewise else max(1, len(words))
        for start in range(0, len(words), size):
            writer.write(words[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """Somebody at the address of a pod."""
    made = Peer()
    await made.open()
    yield made
    await made.close()


async def invoke(peer: Peer, trust: Trust = TRUST) -> Ending:
    """Send one call over a new connection."""
    loop = asyncio.get_running_loop()
    instance = Instance("p", HELLO, peer.address, loop.create_future(), pod_uid=UID)
    link, over = Link(instance, trust), loop.create_future()
    link.send(HEAD, EVENT, loop.time() + 10, over.set_result)
    async with asyncio.timeout(5):
        ending: Ending = await over
    link.close()
    return ending


READY = b"GET /ready HTTP/1.1\r\n\r\n"


async def test_after_the_proof_the_call_is_sent(peer: Peer) -> None:
    ending = await invoke(peer)
    assert isinstance(ending, Answered)
    assert peer.came[0].startswith(b"POST /prove HTTP/1.1\r\n")
    assert peer.came[0].endswith(HEAD + EVENT)
    assert (await ask(peer.address, READY, TRUST)).body == b"1"


async def test_a_proof_may_come_in_pieces(peer: Peer) -> None:
    peer.piecewise = True
    assert isinstance(await invoke(peer), Answered)
    assert (await ask(peer.address, READY, TRUST)).body == b"1"


async def test_without_trust_a_supervisor_of_contract_1_is_sent_the_call_at_once(peer: Peer) -> None:
    peer.greeting = ONE
    assert isinstance(await invoke(peer, None), Answered)
    assert peer.came == [HEAD + EVENT]


async def test_a_supervisor_of_contract_1_is_sent_nothing_where_a_proof_is_needed(peer: Peer) -> None:
    peer.greeting = ONE
    assert isinstance(await invoke(peer), Undialled)
    with pytest.raises(AskError):
        await ask(peer.address, READY, TRUST)
    assert peer.came == [b"", b""]


async def test_a_supervisor_of_contract_2_is_sent_nothing_where_there_is_no_key(peer: Peer) -> None:
    assert isinstance(await invoke(peer, None), Undialled)
    with pytest.raises(AskError):
        await ask(peer.address, READY)
    assert peer.came == [b"", b""]


@pytest.mark.parametrize(
    "words",
    [
        GREETING.replace(b"keys=one,two", b"keys=three"),
        GREETING.replace(b" keys=one,two", b""),
        GREETING.replace(b"FUNCLET/2", b"FUNCLET/1"),
        GREETING.replace(b"FUNCLET/2", b"FUNCLET/3"),
        GREETING.replace(CHALLENGE.encode(), b"short"),
        GREETING.replace(CHALLENGE.encode(), CHALLENGE.upper().encode()),
        GREETING + b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_whoever_greets_otherwise_is_sent_nothing(peer: Peer, words: bytes) -> None:
    peer.greeting = words
    assert isinstance(await invoke(peer), Undialled)
    assert peer.came == [b""]


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
        lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        lambda _: b"HTTP/1.1 200 OK\r\nx-funclet-proof: " + b"0" * 64 + b"\r\n\r\n",
        lambda head: proving(head, "00000000-93a5-4f4d-9a53-0d1c5a4f2f11"),
        lambda head: proving(head).replace(b"200", b"204"),
        lambda head: proving(re.sub(rb"nonce: .{32}", b"nonce: " + b"a" * 32, head)),
        lambda head: proving(head)[:-2] + b"x: " + b"x" * 5000,
        lambda _: b"x" * 5000,
        lambda _: b"",
        # as a supervisor that was not asked: a proof has no body
        lambda head: proving(head).replace(b"length: 0", b"length: 2") + b"{}",
    ],
)
async def test_whoever_does_not_prove_to_be_the_pod_learns_nothing_of_the_call(
    peer: Peer, answer: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funclet.gateway.upstream.PATIENCE", 0.3)
    monkeypatch.setattr("funclet.gateway.ask.PATIENCE", 0.3)
    peer.proof = answer
    assert isinstance(await invoke(peer), Undialled)
    with pytest.raises(AskError):
        await ask(peer.address, READY, TRUST)
    assert len(peer.came) == 2
    for came in peer.came:
        assert came.startswith(b"POST /prove HTTP/1.1\r\n")
        assert came.count(b"\r\n\r\n") == 1
        assert came.endswith(b"\r\n\r\n")
    await until(lambda: peer.ended == 2)


async def test_an_answer_that_comes_with_the_proof_is_no_answer_to_the_call(peer: Peer) -> None:
    peer.proof = lambda head: proving(head) + ANSWER
    assert isinstance(await invoke(peer), Undialled)
    assert EVENT not in peer.came[0]


async def test_a_connection_that_breaks_after_the_proof_is_broken_and_not_undialled() -> None:
    peer_answer = b"HTTP/1.1 200 OK\r\ncontent-le"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        writer.write(proving(await reader.readuntil(b"\r\n\r\n")))
        await reader.readuntil(EVENT)
        writer.write(peer_answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    loop = asyncio.get_running_loop()
    over: asyncio.Future[Ending] = loop.create_future()
    link = Link(Instance("p", HELLO, TcpAddress(host, port), loop.create_future(), pod_uid=UID), TRUST)
    link.send(HEAD, EVENT, loop.time() + 10, over.set_result)
    ending = await over
    assert isinstance(ending, Broken)
    assert ending.boot is None
    server.close()
