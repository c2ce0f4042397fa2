"""Funclet's client for Python behaves as Lambda's (bad inputs 48 and 61)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.supervisor import python_command

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

ECHO = "def handler(event, context): return event"


@pytest.mark.parametrize(
    ("files", "handler", "error_type", "message"),
    [
        ({}, "app.handler", "ImportModuleError", "Unable to import module 'app': No module named 'app'"),
        ({"app.py": "x = 1"}, "app.handler", "HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        (
            {"app.py": ECHO},
            "handler",
            "MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
        (
            {"app.py": "def f(:"},
            "app.handler",
            "UserCodeSyntaxError",
            "Syntax error in module 'app': invalid syntax (app.py, line 1)",
        ),
        (
            {"sys.py": ECHO},
            "sys.handler",
            "BuiltInModuleConflict",
            "Cannot use built-in module sys as a handler module",
        ),
        ({"json.py": ECHO}, "json.handler", "HandlerNotFound", "Handler 'handler' missing on module 'json'"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_told_in_lambdas_words(
    functions: Functions, files: dict[str, str], handler: str, error_type: str, message: str
) -> None:
    answer = functions.command(python_command(handler), files).invoke()
    assert answer.outcome == "init-error"
    assert (answer.json["errorType"], answer.json["errorMessage"]) == (f"Runtime.{error_type}", message)


def test_a_syntax_error_shows_where(functions: Functions) -> None:
    supervisor = functions.python("def f(:")
    assert supervisor.invoke().json["stackTrace"] == [
        f'  File "{supervisor.folder}/app.py" Line 1\n    def f(:'
    ]


def test_modules_may_be_nested_and_have_a_byte_order_mark_and_windows_line_ends(functions: Functions) -> None:
    for handler in ("pkg/mod.handler", "pkg.mod.handler"):
        folder = functions.folder()
        (folder / "pkg").mkdir()
        (folder / "pkg" / "mod.py").write_bytes(
            b"\xef\xbb\xbf#!/usr/bin/env python\r\ndef handler(e, c):\r\n    return 'in pkg'\r\n"
        )
        supervisor = functions.command(
            python_command(handler),
            environment={"LAMBDA_TASK_ROOT": str(folder)},
            working_directory=str(folder),
        )
        assert supervisor.invoke().json == "in pkg"


def test_the_functions_own_modules_come_first(functions: Functions) -> None:
    files = {"app.py": "import logging, queue\ndef handler(e, c): return [queue.mine, logging.mine]"}
    files |= dict.fromkeys(("queue.py", "logging.py", "python.py", "linecache.py"), "mine = 1")
    assert functions.command(python_command(), files).invoke().json == [1, 1]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("return", None),
        ("return {'é': [1, 2.5, True, None]}", {"é": [1, 2.5, True, None]}),
        (
            "import decimal; return [decimal.Decimal('1.10'), decimal.Decimal('12345678901234567890')]",
            [1.1, 12345678901234567890],
        ),
        ("return type(event).__name__", "dict"),
    ],
)
def test_values_go_out_as_json(functions: Functions, code: str, value: Any) -> None:
    answer = functions.python(f"def handler(event, context):\n    {code}").invoke({})
    assert (answer.outcome, answer.json) == ("ok", value)


def test_decimals_keep_their_digits_and_bytes_pass_as_they_are(functions: Functions) -> None:
    code = "import decimal\ndef handler(event, context): return b'\\x00\\xff' if event else [decimal.Decimal('1.10')]"
    supervisor = functions.python(code)
    assert supervisor.invoke(0).body == b"[1.10]"
    assert supervisor.invoke(1).body == b"\x00\xff"


def test_characters_are_escaped_as_the_runtimes_version_does(functions: Functions) -> None:
    code = "def handler(event, context): return 'é'"
    old, new = (
        functions.python(code, environment={"AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{minor}"})
        for minor in (11, 12)
    )
    assert old.invoke().body == b'"\\u00e9"'
    assert new.invoke().body == '"é"'.encode()


def test_an_event_that_is_not_json_is_an_error(functions: Functions) -> None:
    with functions.python(ECHO).gateway() as gateway:
        answer = gateway.invoke(b"{")
        assert answer.json["errorType"] == "Runtime.UnmarshalError"
        assert answer.json["errorMessage"].startswith("Unable to unmarshal input: ")
        assert gateway.invoke(b"{", content_type="text/plain").body == b"{"


def test_a_client_context_that_is_not_json_is_an_error(functions: Functions) -> None:
    answer = functions.python(ECHO).invoke(lambda_runtime_client_context="{")
    assert answer.json["errorType"] == "Runtime.LambdaContextUnmarshalError"


def test_the_context_has_lambdas_attributes(functions: Functions) -> None:
    names = [
        "aws_request_id",
        "function_name",
        "function_version",
        "invoked_function_arn",
        "memory_limit_in_mb",
    ]
    names += ["log_group_name", "log_stream_name", "client_context", "tenant_id"]
    code = f"def handler(event, context): return [getattr(context, n) for n in {names}] + [context.identity.cognito_identity_id, repr(context)[:14]]"
    answer = functions.python(code).invoke(
        lambda_runtime_aws_request_id="r-1", lambda_runtime_invoked_function_arn="arn:x"
    )
    assert answer.json == [
        "r-1", "hello", "$LATEST", "arn:x", "128", "/aws/lambda/hello", "2026/11/23/[$LATEST]0123", None, None, None,
        "LambdaContext(",
    ]  # fmt: skip


def test_logging_has_lambdas_json_format_where_asked_for(functions: Functions) -> None:
    code = (
        "import logging\n"
        "def handler(event, context):\n"
        "    try: 1 / 0\n"
        "    except ZeroDivisionError: logging.exception('oh %s', 'no')\n"
    )
    supervisor = functions.python(
        code, environment={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}
    )
    supervisor.invoke(lambda_runtime_aws_request_id="r-1")
    told = json.loads(supervisor.said('"level"')[0])
    assert (told["level"], told["message"], told["requestId"]) == ("ERROR", "oh no", "r-1")
    assert (told["errorType"], told["errorMessage"], len(told["stackTrace"])) == (
        "ZeroDivisionError",
        "division by zero",
        1,
    )


def test_modules_are_imported_only_when_they_are_used(functions: Functions) -> None:
    code = "import sys\ndef handler(event, context): return sorted(set(sys.modules) & set(event))"
    heavy = ["logging", "socket", "traceback", "asyncio", "http.client", "dataclasses", "typing", "threading"]
    assert functions.python(code).invoke(heavy).json == []


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13", "3.14"])
def test_it_runs_on_every_python_that_lambda_has_had(functions: Functions, version: str) -> None:
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode:
        pytest.skip(f"Python {version} is not installed")
    code = "import logging, sys\ndef handler(event, context):\n    logging.warning('w')\n    return sys.version_info[:2] if event else 1 / 0"
    supervisor = functions.command(python_command(python=python), {"app.py": code})
    assert supervisor.invoke(1).json == [int(part) for part in version.split(".")]
    assert supervisor.invoke(0).json["errorType"] == "ZeroDivisionError"
    assert supervisor.said("\tw")


def test_pythonpath_is_honoured(functions: Functions) -> None:
    layer = functions.folder()
    (layer / "from_layer.py").write_text("value = 5")
    code = "import from_layer\ndef handler(event, context): return from_layer.value"
    assert functions.python(code, environment={"PYTHONPATH": f"{layer}{os.pathsep}/none"}).invoke().json == 5


@pytest.mark.parametrize("spoil", ["os.closerange(3, 100)", "[os.dup2(0, n) for n in range(3, 100)]"])
def test_it_dials_where_the_connection_made_beforehand_is_lost_on_the_way(
    functions: Functions, spoil: str
) -> None:
    wrapper = f"import os, sys; {spoil}; os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-I", "-S", "-c", wrapper, *python_command()]
    code = "import os\ndef handler(event, context): return [event, sorted(n for n in os.environ if 'FUNCLET_R' in n)]"
    assert functions.command(command, {"app.py": code}).invoke(1).json == [1, []]
