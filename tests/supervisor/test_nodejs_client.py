"""Funclet's client for Node.js behaves as Lambda's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from support.supervisor import wait_for

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes


def test_an_async_handler_answers_with_what_it_returns(functions: Functions) -> None:
    supervisor = functions.nodejs(
        "exports.handler = async (event, context) => [event, context.awsRequestId, context.functionName]"
    )
    assert supervisor.invoke({"é": 1}, lambda_runtime_aws_request_id="r-1").json == [{"é": 1}, "r-1", "hello"]
    assert supervisor.invoke(2, lambda_runtime_aws_request_id="r-2").json == [2, "r-2", "hello"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("index.js", "exports.handler = (event, context, callback) => callback(null, event)"),
        ("index.js", "exports.handler = (event, context) => context.succeed(event)"),
        ("index.js", "exports.handler = (event, context) => context.done(null, event)"),
        ("index.js", "exports.handler = (event) => ({ then: (resolve) => resolve(event) })"),
        ("index.cjs", "exports.handler = async (event) => event"),
        ("index.mjs", "import 'node:fs'; export const handler = async (event) => event"),
        ("index.mjs", "export const handler = await Promise.resolve(async (event) => event)"),
    ],
)
def test_each_style_of_handler_works(functions: Functions, name: str, code: str) -> None:
    assert functions.nodejs(code, name).invoke([1]).json == [1]


def test_a_callback_waits_for_the_loop_unless_told_otherwise(functions: Functions) -> None:
    code = """
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = event;
  setTimeout(() => {}, 300);
  callback(null, "done");
}"""
    supervisor = functions.nodejs(code)
    assert int(supervisor.invoke(True).headers["x-funclet-duration-us"]) > 250_000
    assert int(supervisor.invoke(False).headers["x-funclet-duration-us"]) < 250_000


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("async () => { throw new TypeError('boo') }", "TypeError", "boo"),
        ("() => { throw new TypeError('boo') }", "TypeError", "boo"),
        ("(e, c, callback) => callback(new TypeError('boo'))", "TypeError", "boo"),
        ("(e, c, callback) => callback('boo')", "string", "boo"),
        ("(e, context) => context.fail()", "string", "handled"),
        (
            "async () => { await new Promise(() => {}) }",
            "Runtime.NodeJsExit",
            "The Lambda runtime client detected",
        ),
        (
            "async () => { throw Object.defineProperty(new Error('x'), 'message', { get() { throw 1 } }) }",
            "handled",
            "callback called with",
        ),
        ("async () => { const a = {}; a.a = a; return a }", "TypeError", "Converting circular structure"),
        ("async () => { throw new Error('x'.repeat(1e7)) }", "Error", "xxx"),
    ],
)
def test_errors_are_told_in_lambdas_shape_and_the_process_lives(
    functions: Functions, code: str, error_type: str, message: str
) -> None:
    supervisor = functions.nodejs(f"exports.handler = {code}")
    for _ in range(2):
        answer = supervisor.invoke()
        assert answer.outcome == "error"
        assert answer.json["errorType"] == error_type
        assert answer.json["errorMessage"].startswith(message)
        assert "nodejs.mjs" not in answer.body.decode()
    assert len(supervisor.lines("INIT_START")) == 1


@pytest.mark.parametrize(
    ("code", "error_type"),
    [
        ("setTimeout(() => { throw new RangeError('boo') }, 1)", "RangeError"),
        ("Promise.reject(new Error('boo'))", "Runtime.UnhandledPromiseRejection"),
        ("process.exit(3)", "Runtime.ExitError"),
    ],
)
def test_what_nobody_catches_ends_the_process_and_is_told(
    functions: Functions, code: str, error_type: str
) -> None:
    supervisor = functions.nodejs(
        f"exports.handler = async (e) => {{ if (e) {{ {code}; await new Promise((r) => setTimeout(r, 500)) }} }}"
    )
    assert supervisor.invoke(1).json["errorType"] == error_type
    assert supervisor.invoke(0).json is None


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("exports.other = 1", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("exports.handler = 1", "Runtime.HandlerNotFound", "index.handler is not a function"),
        ("exports.handler = async (", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected end of input"),
        (
            "require('nowhere')",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nowhere'\nRequire stack:",
        ),
        ("throw new RangeError('boo')", "RangeError", "boo"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_told_in_lambdas_words(
    functions: Functions, code: str, error_type: str, message: str
) -> None:
    answer = functions.nodejs(code).invoke()
    assert answer.outcome == "init-error"
    assert answer.json["errorType"] == error_type
    assert answer.json["errorMessage"].startswith(message)


def test_a_file_that_is_not_there_is_told(functions: Functions) -> None:
    answer = functions.nodejs("", name="other.js").invoke()
    assert answer.json["errorType"] == "Runtime.ImportModuleError"
    assert answer.json["errorMessage"].startswith("Error: Cannot find module 'index'")


def test_console_lines_have_time_request_and_level(functions: Functions) -> None:
    supervisor = functions.nodejs(
        "exports.handler = async () => { console.log('a %s', 1, {b: 2}); console.error('e\\nf') }"
    )
    supervisor.invoke(lambda_runtime_aws_request_id="r-1")
    assert supervisor.said("\tr-1\tINFO\ta 1 { b: 2 }")
    assert supervisor.said("\tr-1\tERROR\te")


def test_large_events_and_answers_pass(functions: Functions) -> None:
    event = "x" * 6_000_000
    supervisor = functions.nodejs("exports.handler = async (event) => event", memory_mb=512)
    assert supervisor.invoke(event).json == event
    too_large = functions.nodejs("exports.handler = async () => 'x'.repeat(6291556)", memory_mb=512)
    assert too_large.invoke().json["errorType"] == "Function.ResponseSizeTooLarge"
    assert too_large.invoke().json["errorType"] == "Function.ResponseSizeTooLarge"
    wait_for(lambda: len(too_large.lines("INIT_START")) == 1)


@pytest.mark.parametrize("spoil", ["os.closerange(3, 100)", "[os.dup2(0, n) for n in range(3, 100)]", "pass"])
def test_it_dials_where_the_connection_made_beforehand_is_lost_on_the_way(
    functions: Functions, spoil: str
) -> None:
    wrapper = f"import os, sys; {spoil}; os.execv(sys.argv[1], sys.argv[1:])"
    code = "exports.handler = async (event) => [event, Object.keys(process.env).filter((n) => n.includes('FUNCLET_R'))]"
    supervisor = functions.nodejs(code, before=[sys.executable, "-I", "-S", "-c", wrapper])
    assert supervisor.invoke(1).json == [1, []]
