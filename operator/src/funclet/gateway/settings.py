"""What a gateway is told when it is made."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SlotLimits:
    """Bounds of one function's instances and waiters; times in seconds."""

    #: starts under way at once
    starts: int = 8
    #: instances of a function without reserved concurrency
    instances: int = 1000
    waiters: int = 10_000
    #: how long a call may wait for an instance
    wait: float = 60.0


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """Bounds of the public listener; times in seconds, sizes in bytes."""

    #: from the first byte of a head, or from connecting, to its end
    header: float = 15.0
    #: without a byte of the body that is under way
    body_idle: float = 30.0
    #: from the first byte of a head to the last of the body
    request: float = 300.0
    #: between two requests
    keep_alive: float = 75.0
    #: without a byte of the answer taken by the client
    write_idle: float = 30.0
    #: from when the client does not take an answer at once until it has taken all but a rest
    answer: float = 300.0
    #: at most; fewer where the process may not have as many descriptors
    connections: int = 10_000
    #: from one IPv4 address or one /64 of IPv6; behind a proxy that hides its clients, as many as `connections`
    connections_per_address: int = 5_000
    held_requests: int = 10_000
    #: of events, and of answers that are not taken yet
    held_bytes: int = 256 * 1024 * 1024
    head_bytes: int = 32 * 1024
    head_lines: int = 100


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """One gateway; a port of 0 lets the system choose."""

    host: str = "127.0.0.1"
    port: int = 8700
    account: str = "123456789012"
    #: where the caller's signature names none
    region: str = "us-east-1"
    #: the namespace that this account is
    namespace: str = "default"
    #: names that the Host header may carry, any port; None: any, and browsers are not refused
    allowed_hosts: frozenset[str] | None = None
    #: seconds that a runtime process may take to init
    init_seconds: float = 10.0
    slots: SlotLimits = field(default_factory=SlotLimits)
    listener: ListenerLimits = field(default_factory=ListenerLimits)


#: what a gateway on a laptop answers to: a web page has another Host, or an Origin
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
