"""How an invocation ended, in Lambda's own words. Pure."""

from __future__ import annotations

try:
    from _json import encode_basestring_ascii  # the json package costs 8 ms of a cold start
except ImportError:
    from json.encoder import py_encode_basestring_ascii as encode_basestring_ascii


def quote(text: str) -> str:
    """Return `text` as a JSON string."""
    return encode_basestring_ascii(text)


#: what a function may answer, in bytes
RESPONSE_LIMIT = 6 * 1024 * 1024 + 100
JSON = b"application/json"

#: Go's names for signals, which Lambda's messages use
_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    10: "user defined signal 1",
    11: "segmentation fault",
    12: "user defined signal 2",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}


class Outcome:
    """What the caller is told. `kind` is ok, error or init-error; `status` is REPORT's word for it.

    `line` is what the log says about it, where the function itself did not say it.
    """

    __slots__ = ("body", "content_type", "error_type", "kind", "line", "status")

    def __init__(
        self,
        kind: str,
        body: bytes,
        *,
        content_type: bytes = JSON,
        status: str = "success",
        error_type: str = "",
        line: str = "",
    ) -> None:
        self.kind = kind
        self.body = body
        self.content_type = content_type
        self.status = status
        self.error_type = error_type
        self.line = line

    def in_init(self) -> Outcome:
        """Return the same, as the end of an instance that could not start."""
        return Outcome(
            "init-error",
            self.body,
            content_type=self.content_type,
            status=self.status,
            error_type=self.error_type,
        )


class Fault:
    """What went wrong with a runtime process, before it is known whom to tell."""

    __slots__ = ("error_type", "message", "payload", "status")

    def __init__(
        self, error_type: str, message: str, *, status: str = "error", payload: bytes | None = None
    ) -> None:
        self.error_type = error_type
        self.message = message
        self.status = status
        self.payload = payload

    @property
    def body(self) -> bytes:
        """What is told of it where no request is concerned."""
        return self.payload if self.payload is not None else payload(self.error_type, self.message)

    def told_to(self, request_id: str, line: str = "") -> Outcome:
        """Return what the caller of `request_id` is answered."""
        if self.payload is not None:
            return Outcome("error", self.payload, status=self.status, error_type=self.error_type)
        text = f"RequestId: {request_id} Error: {self.message}"
        return Outcome(
            "error",
            payload(self.error_type, text),
            status=self.status,
            error_type=self.error_type,
            line=line or f"{text}\n{self.error_type}",
        )


def payload(error_type: str, message: str) -> bytes:
    """Lambda's error payload, as the platform itself writes it."""
    return f'{{"errorType":{quote(error_type)},"errorMessage":{quote(message)}}}'.encode()


def exited(status: int) -> Fault:
    """Name the end of the runtime process; `status` as waitpid gives it."""
    signal, code = status & 0x7F, status >> 8
    if signal:
        name = _SIGNALS.get(signal, f"signal {signal}")
        core = " (core dumped)" if status & 0x80 else ""
        return Fault("Runtime.ExitError", f"Runtime exited with error: signal: {name}{core}")
    if code:
        return Fault("Runtime.ExitError", f"Runtime exited with error: exit status {code}")
    return Fault("Runtime.ExitError", "Runtime exited without providing a reason")


def timed_out(seconds: float) -> Fault:
    """Name the end at the function's timeout."""
    return Fault("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds", status="timeout")


def init_timed_out(seconds: float) -> Fault:
    """Name the end at init's limit."""
    return Fault(
        "Sandbox.Timedout", f"Initialization timed out after {seconds:.2f} seconds", status="timeout"
    )


def out_of_memory(limit: int, used: int) -> Fault:
    """Name the end at the memory limit; both in bytes."""
    return Fault(
        "Runtime.OutOfMemory",
        f"Runtime exceeded its memory limit of {limit >> 20} MB: {-(-used >> 20)} MB were in use",
    )


def init_error(body: bytes, error_type: str) -> Fault:
    """Name an error that the runtime posted about its own start; the payload stays as it is."""
    return Fault(error_type or "Runtime.Unknown", "", payload=body)


def too_large() -> Outcome:
    """Name an answer over the limit."""
    message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."
    body = f'{{"errorMessage":{quote(message)},"errorType":"Function.ResponseSizeTooLarge"}}'.encode()
    return Outcome("error", body, status="error", error_type="Function.ResponseSizeTooLarge")
