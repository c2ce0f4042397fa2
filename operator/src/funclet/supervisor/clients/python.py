"""Funclet's runtime client for Python: asks for events, calls the handler, answers and asks again in one write.

Runs alone as `python PATH/python.py HANDLER` on Python 3.8 and later, with AWS's environment variables. Errors,
context and log lines are those of Lambda's Python runtimes. Modules that a function may not need are imported
when they are.
"""
# ruff: noqa: PTH100, PTH109, PTH120 - pathlib costs milliseconds of a cold start

from __future__ import annotations

# Before the function's folder is on the path: a module there may be called json.
import json
import os
import sys
import time
from _socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType, TracebackType
    from typing import Any

    Handler = Callable[[Any, "Context"], Any]

MESSAGE_LIMIT = 256 * 1024
_PIECE = 64 * 1024
_ESCAPE_FROM = (3, 12)


class Fault(Exception):  # noqa: N818 - Lambda's own word
    """An error that the runtime, not the function, tells."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = "Runtime." + kind
        self.message = message
        self.trace = trace or []


class Unreachable(Exception):  # noqa: N818 - reads better without
    """The Runtime API does not answer as it should: the process ends."""


# --- context ----------------------------------------------------------------------------------------------


class _Record:
    """An object with the given fields, None where nothing is told."""

    def __init__(self, fields: tuple[str, ...], told: dict[str, Any]) -> None:
        self.__dict__.update({field: told.get(field) for field in fields})

    def __repr__(self) -> str:
        fields = ",".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__}([{fields}])"


class CognitoIdentity(_Record):
    """Who called through a mobile app."""


class Client(_Record):
    """The mobile app that called."""


class ClientContext(_Record):
    """What a mobile app tells of itself."""


class Context:
    """What a handler is told about its invocation."""

    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
    log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        """Read the headers of an event. Raises Fault."""
        self.aws_request_id = headers[b"lambda-runtime-aws-request-id"].decode()
        self.invoked_function_arn = headers.get(b"lambda-runtime-invoked-function-arn", b"").decode()
        self.tenant_id = None
        self._deadline_ms = int(headers.get(b"lambda-runtime-deadline-ms", 0))
        self.client_context = _client_context(headers.get(b"lambda-runtime-client-context"))
        self.identity = CognitoIdentity(
            ("cognito_identity_id", "cognito_identity_pool_id"),
            _identity(headers.get(b"lambda-runtime-cognito-identity")),
        )

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation is ended."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the log."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        fields = ",".join(f"{name}={getattr(self, name)}" for name in names)
        return f"LambdaContext([{fields}])"


def _header_json(text: bytes, name: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise Fault("LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from None
    return told if isinstance(told, dict) else {}


def _client_context(text: bytes | None) -> ClientContext | None:
    if not text:
        return None
    told = _header_json(text, "Client Context")
    context = ClientContext(("custom", "env", "client"), told)
    if isinstance(told.get("client"), dict):
        fields = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
        context.__dict__["client"] = Client(fields, told["client"])
    return context


def _identity(text: bytes | None) -> dict[str, Any]:
    if not text:
        return {}
    told = _header_json(text, "Cognito Identity")
    return {
        "cognito_identity_id": told.get("cognitoIdentityId"),
        "cognito_identity_pool_id": told.get("cognitoIdentityPoolId"),
    }


# --- values in and out ------------------------------------------------------------------------------------


def _escapes() -> bool:
    """Whether answers are ASCII, as Lambda's runtimes before 3.12 had it."""
    name = os.environ.get("AWS_EXECUTION_ENV", "")
    if name.startswith("AWS_Lambda_python3.") and name[19:].isdecimal():
        return int(name[19:]) < _ESCAPE_FROM[1]
    return sys.version_info < _ESCAPE_FROM


class Marshaller:
    """JSON as Lambda's Python runtimes read and write it: decimals keep their digits."""

    def __init__(self) -> None:
        self._decimals: list[str] = []
        self._mark = "funclet-decimal-" + os.urandom(8).hex()
        self._encoder = json.JSONEncoder(default=self._default, ensure_ascii=_escapes())

    def read(self, body: bytes, content_type: bytes) -> Any:
        """Return the event. Raises Fault."""
        if content_type != b"application/json":
            return body
        try:
            return json.loads(body)
        except Exception as error:  # noqa: BLE001 - as Lambda's own client
            raise Fault("UnmarshalError", f"Unable to unmarshal input: {error}") from None

    def write(self, answer: object) -> tuple[bytes, bytes]:
        """Return an answer's bytes and content type. Raises Fault."""
        if isinstance(answer, bytes):
            return answer, b"application/unknown"
        try:
            return self.encode(answer), b"application/json"
        except Exception as error:  # noqa: BLE001 - whatever a value's own methods raise
            raise Fault("MarshalError", f"Unable to marshal response: {error}") from None

    def encode(self, value: object) -> bytes:
        """Return `value` as JSON."""
        text = self._encoder.encode(value)
        if self._decimals:
            for number, digits in enumerate(self._decimals):
                text = text.replace(f'"{self._mark}-{number}"', digits)
            self._decimals.clear()
        return text.encode("utf-8", "surrogatepass" if self._encoder.ensure_ascii else "strict")

    def _default(self, value: object) -> object:
        decimal = sys.modules.get("decimal")
        if decimal is not None and isinstance(value, decimal.Decimal):
            if value.is_nan():
                return float("nan")
            self._decimals.append(str(value))
            return f"{self._mark}-{len(self._decimals) - 1}"
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


# --- errors -----------------------------------------------------------------------------------------------


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the function's own method may raise anything
        return "<exception str() failed>"
    return text if len(text) <= MESSAGE_LIMIT else text[:MESSAGE_LIMIT] + "... [truncated]"


def _stack(trace: TracebackType | None) -> list[str]:
    """Return the function's part of a traceback, as Lambda formats it."""
    import linecache  # noqa: PLC0415 - only errors need it

    lines: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename != __file__ and not (
            code.co_filename.startswith("<frozen importlib") and not lines
        ):
            line = f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}\n'
            source = linecache.getline(code.co_filename, trace.tb_lineno, trace.tb_frame.f_globals).strip()
            lines.append(line + (f"    {source}\n" if source else ""))
        trace = trace.tb_next
    return lines


def describe(error: BaseException, request_id: str) -> dict[str, Any]:
    """Return Lambda's error payload."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, error.message, error.trace
    else:
        kind, message, trace = type(error).__name__, _message(error), _stack(error.__traceback__)
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


# --- the handler ------------------------------------------------------------------------------------------


def load(name: str) -> Handler:
    """Import the handler `module.function`, the module perhaps with a path. Raises Fault, or what it raises."""
    module_name, dot, function = name.rpartition(".")
    if not dot:
        raise Fault(
            "MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module")
    module = _import(module_name)
    try:
        handler: Handler = getattr(module, function)
    except AttributeError:
        raise Fault("HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'") from None
    return handler


def _import(name: str) -> ModuleType:
    from importlib import import_module  # noqa: PLC0415 - it is loaded with the interpreter

    try:
        return import_module(name.replace("/", "."))
    except ImportError as error:
        raise Fault("ImportModuleError", f"Unable to import module '{name}': {error}") from None
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("UserCodeSyntaxError", f"Syntax error in module '{name}': {error}", trace) from None


def set_path() -> None:
    """Put the function's folder first, then what PYTHONPATH names, then the library."""
    here = os.path.dirname(os.path.abspath(__file__))
    library = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    root = os.environ.get("LAMBDA_TASK_ROOT") or os.getcwd()
    layers = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = list(dict.fromkeys([root, *layers, *library]))


# --- the log ----------------------------------------------------------------------------------------------


class _State:
    """What the log's lines need to know."""

    request_id = ""
    json_log = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def tell_error(told: dict[str, Any], marshaller: Marshaller) -> None:
    """Write an error to the log."""
    if _State.json_log:
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        text = marshaller.encode({"timestamp": when, "level": "ERROR", **told}).decode("utf-8", "replace")
    else:
        stack = "".join(told["stackTrace"])
        text = f"[ERROR] {told['errorType']}: {told['errorMessage']}\nTraceback (most recent call last):\n{stack}"
    _print(text.rstrip("\n") + "\n")


def _print(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError, UnicodeError):
        pass  # the function closed or replaced it


class _LoggingHook:
    """Sets up Lambda's log handler at the moment that `logging` is first imported: many functions never do."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:  # noqa: ARG002 - a protocol
        """Stand in front of the finders once."""
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec  # noqa: PLC0415 - only where logging is used

        spec = find_spec(name)
        if spec is not None and spec.loader is not None and _is_library(spec.origin):
            load_module = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load_module(module)
                set_up_logging(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # that is the hook
        return spec


def _is_library(origin: str | None) -> bool:
    return bool(origin) and os.path.dirname(os.path.dirname(str(origin))) == os.path.dirname(os.__file__)


def set_up_logging(logging: Any) -> None:
    """Give the root logger Lambda's handler and format."""
    formatter = (
        _json_formatter(logging)
        if _State.json_log
        else logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
        )
    )
    logging.Formatter.converter = time.gmtime

    class LambdaLoggerHandler(logging.Handler):  # type: ignore[misc]  # the module is any here
        def emit(self, record: Any) -> None:
            record.aws_request_id = _State.request_id
            _print(self.format(record) + "\n")

    handler = LambdaLoggerHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper().replace("TRACE", "DEBUG")
    if level in {"DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"}:
        root.setLevel(level)


def _json_formatter(logging: Any) -> Any:
    class JsonFormatter(logging.Formatter):  # type: ignore[misc]  # the module is any here
        def format(self, record: Any) -> str:
            told: dict[str, Any] = {
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
                "level": record.levelname,
                "message": record.msg
                if isinstance(record.msg, dict) and not record.args
                else record.getMessage(),
                "logger": record.name,
                "requestId": record.aws_request_id,
            }
            if record.exc_info:
                kind, error, trace = record.exc_info
                told.update(errorType=kind.__name__, errorMessage=_message(error), stackTrace=_stack(trace))
                told["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
            return json.dumps(told, ensure_ascii=False, default=str)

    return JsonFormatter()


# --- the loop ---------------------------------------------------------------------------------------------


class RuntimeApi:
    """One kept-alive connection to the Runtime API."""

    def __init__(self, address: str) -> None:
        self._socket = _inherited() or _dial(address)
        self._rest = b""
        self._next = (f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {address}\r\n\r\n").encode()
        self._host = f" HTTP/1.1\r\nHost: {address}\r\n".encode()

    def first(self) -> tuple[dict[bytes, bytes], bytes]:
        """Ask for the first event. Returns its headers and body."""
        self._socket.sendall(self._next)
        return self._event()

    def answer(
        self, request_id: str, verb: bytes, body: bytes, content_type: bytes
    ) -> tuple[dict[bytes, bytes], bytes]:
        """Answer, and ask for the next event in the same write. Returns it."""
        head = (
            b"POST /2018-06-01/runtime/invocation/%b/%b%bContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
            % (
                request_id.encode(),
                verb,
                self._host,
                content_type,
                len(body),
            )
        )
        self._socket.sendall(head + body + self._next)
        status, _, _ = self._message()
        if status not in {b"202", b"413"}:
            raise Unreachable(f"the Runtime API answered {status.decode()} to {verb.decode()}")
        return self._event()

    def init_error(self, body: bytes, kind: str) -> None:
        """Tell that the function could not be loaded."""
        head = (
            b"POST /2018-06-01/runtime/init/error%bLambda-Runtime-Function-Error-Type: %b\r\nContent-Length: %d\r\n\r\n"
            % (
                self._host,
                kind.encode("ascii", "replace"),
                len(body),
            )
        )
        self._socket.sendall(head + body)
        self._message()

    def _event(self) -> tuple[dict[bytes, bytes], bytes]:
        status, headers, body = self._message()
        if status != b"200":
            raise Unreachable(f"the Runtime API answered {status.decode()} to next")
        return headers, body

    def _message(self) -> tuple[bytes, dict[bytes, bytes], bytes]:
        rest = self._rest
        end = rest.find(b"\r\n\r\n")
        while end < 0:
            rest += self._receive()
            end = rest.find(b"\r\n\r\n")
        first, *lines = rest[:end].split(b"\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(b": ")
            headers[name.lower()] = value
        end += 4
        whole = end + int(headers.get(b"content-length", 0))
        if len(rest) < whole:
            pieces, size = [rest], len(rest)
            while size < whole:
                pieces.append(self._receive())
                size += len(pieces[-1])
            rest = b"".join(pieces)
        self._rest = rest[whole:]
        return first[9:12], headers, rest[end:whole]

    def _receive(self) -> bytes:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise Unreachable("the Runtime API closed the connection")
        return piece


def _inherited() -> socket | None:
    """Return the connection that Funclet's supervisor has made beforehand, if it did and the descriptor is still it."""
    descriptor = os.environ.pop("FUNCLET_RUNTIME_API_FD", None)
    if descriptor is None:
        return None
    try:
        connection = socket(fileno=int(descriptor))
    except OSError:
        return None
    os.set_inheritable(connection.fileno(), False)
    return connection


def _dial(address: str) -> socket:
    host, _, port = address.rpartition(":")
    connection = socket(AF_INET, SOCK_STREAM)
    connection.connect((host, int(port)))
    connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    return connection


def serve(api: RuntimeApi, handler: Handler, marshaller: Marshaller) -> None:
    """Handle events for ever."""
    headers, body = api.first()
    while True:
        request_id = _State.request_id = headers[b"lambda-runtime-aws-request-id"].decode()
        _set_trace(headers.get(b"lambda-runtime-trace-id"))
        verb = b"response"
        try:
            context = Context(headers)
            event = marshaller.read(body, headers.get(b"content-type", b"application/json"))
            answer, content_type = marshaller.write(handler(event, context))
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its answer
            told = describe(error, request_id)
            tell_error(told, marshaller)
            verb, answer, content_type = b"error", marshaller.encode(told), b"application/json"
        _flush()
        headers, body = api.answer(request_id, verb, answer, content_type)


def _set_trace(trace_id: bytes | None) -> None:
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id.decode()
    elif "_X_AMZN_TRACE_ID" in os.environ:
        del os.environ["_X_AMZN_TRACE_ID"]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            continue  # the function closed or replaced it


def main(arguments: list[str]) -> int:
    """Run the handler that the command line or _HANDLER names. Returns the exit status."""
    name = arguments[0] if arguments else os.environ.get("_HANDLER", "")
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]  # a text stream
    set_path()
    if "logging" in sys.modules:
        set_up_logging(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, _LoggingHook())
    marshaller = Marshaller()
    try:
        handler = load(name)
    except Exception as error:  # noqa: BLE001 - whatever a module raises is told
        told = describe(error, "")
        tell_error(told, marshaller)
        api.init_error(marshaller.encode(told), told["errorType"])
        return 1
    try:
        serve(api, handler, marshaller)
    except (Unreachable, OSError) as error:
        sys.stderr.write(f"funclet: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
