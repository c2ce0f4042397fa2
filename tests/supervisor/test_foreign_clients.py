"""The Runtime API serves clients that were not made for it: AWS's own, and shells."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from supervisor.conftest import Functions

pytestmark = pytest.mark.processes

RIC = [sys.executable, "-m", "awslambdaric", "app.handler"]

CURL = """#!/bin/sh
set -eu
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
while true; do
  event=$(curl -sS -D "$headers" "$api/next")
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  echo "handling $id"
  curl -sS -X POST "$api/$id/response" -d "{\\"got\\": $event}" > /dev/null
done
"""

BASH = """#!/bin/bash
host=${AWS_LAMBDA_RUNTIME_API%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
base=/2018-06-01/runtime/invocation
while true; do
  exec 3<>"/dev/tcp/$host/$port"
  printf 'GET %s/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' "$base" >&3
  while IFS=$': \\r' read -r name value <&3 && [ -n "$name" ]; do
    case $name in
      Lambda-Runtime-Aws-Request-Id) id=$value ;;
      Content-Length) length=$value ;;
    esac
  done
  read -r -N "$length" event <&3
  body="{\\"got\\": $event}"
  printf 'POST %s/%s/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "$base" "$id" "${#body}" "$body" >&3
  read -r status <&3
  exec 3>&-
done
"""


def needs_ric() -> None:
    pytest.importorskip("awslambdaric", reason="awslambdaric is not installed")


def test_awslambdaric_runs_unmodified(functions: Functions) -> None:
    needs_ric()
    code = (
        "import logging\nlogging.getLogger().setLevel('INFO')\n"
        "def handler(event, context):\n"
        "    logging.info('told')\n"
        "    return [event, context.aws_request_id, context.get_remaining_time_in_millis() > 0] if event else 1 / 0\n"
    )
    supervisor = functions.command(RIC, {"app.py": code})
    assert supervisor.invoke({"a": 1}, lambda_runtime_aws_request_id="r-1").json == [{"a": 1}, "r-1", True]
    error = supervisor.invoke(0, lambda_runtime_aws_request_id="r-2")
    assert error.outcome == "error"
    assert (error.json["errorType"], error.json["requestId"]) == ("ZeroDivisionError", "r-2")
    assert supervisor.invoke(5).json[0] == 5
    assert supervisor.said("\tr-1\ttold")


def test_awslambdaric_tells_errors_with_a_megabyte_of_trace(functions: Functions) -> None:
    needs_ric()
    supervisor = functions.command(
        RIC, {"app.py": "def handler(event, context): raise ValueError('x' * event)"}
    )
    for size in (1000, 900_000, 2_000_000):
        answer = supervisor.invoke(size)
        assert len(answer.json["errorMessage"]) == size


def test_awslambdaric_tells_init_errors(functions: Functions) -> None:
    needs_ric()
    supervisor = functions.command(RIC, {"app.py": "import nowhere"})
    answer = supervisor.invoke()
    assert answer.outcome == "init-error"
    assert answer.json == {
        "errorMessage": "Unable to import module 'app': No module named 'nowhere'",
        "errorType": "Runtime.ImportModuleError",
        "requestId": "",
        "stackTrace": [],
    }
    assert supervisor.exit_status() == 3


def test_awslambdaric_is_told_when_its_answer_is_too_large(functions: Functions) -> None:
    needs_ric()
    supervisor = functions.command(RIC, {"app.py": "def handler(event, context): return 'x' * event"})
    assert supervisor.invoke(6_291_555).json["errorType"] == "Function.ResponseSizeTooLarge"
    assert supervisor.invoke(1).json == "x"


@pytest.mark.parametrize(("script", "tool"), [(CURL, "curl"), (BASH, "bash")])
def test_a_shell_script_is_a_runtime(functions: Functions, script: str, tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    supervisor = functions.command(["{folder}/bootstrap"], {"bootstrap": script})
    for event in ([1], {"a": 2}, "three"):
        answer = supervisor.invoke(event)
        assert (answer.outcome, answer.json) == ("ok", {"got": event})
    assert len(supervisor.lines("INIT_START")) == 1
