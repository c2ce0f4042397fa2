"""Clients that know nothing of Funclet drive local mode: boto3, the AWS CLI; and a runtime that AWS wrote runs in it."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from support.local import Local, function, local_mode

pytestmark = pytest.mark.processes

_RIC = f"""#!/bin/sh
exec {sys.executable} -m awslambdaric "$_HANDLER"
"""
_NODE = "exports.handler = async (event) => ({ doubled: event.number * 2 });\n"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("clients")
    manifests = [
        function("echo"),
        function("broken", "def handler(event, context):\n    raise ValueError('no')\n"),
        function("stopped", spec={"concurrency": {"reserved": 0}}),
        function(
            "ric",
            spec={
                "runtime": "provided",
                "code": {
                    "inline": {
                        "bootstrap": _RIC,
                        "app.py": "def handler(event, context):\n    return [event, context.aws_request_id]\n",
                    }
                },
            },
        ),
        function(
            "node",
            spec={"runtime": "nodejs", "handler": "index.handler", "code": {"inline": {"index.js": _NODE}}},
        ),
    ]
    (folder / "f.yaml").write_text("---\n".join(manifests))
    with local_mode(folder / "f.yaml", state=folder / "state") as running:
        yield running


def client(local: Local, region: str = "us-east-1"):  # type: ignore[no-untyped-def]  # noqa: ANN201 - boto3's own is made at run time
    return boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{local.port}",
        region_name=region,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"max_attempts": 0}),
    )


def test_boto3_invokes_and_gets_the_tail_of_the_log(local: Local) -> None:
    answer = client(local).invoke(FunctionName="echo", Payload=b'{"a": 1}', LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"], "FunctionError" in answer) == (
        200,
        "$LATEST",
        False,
    )
    assert json.loads(answer["Payload"].read()) == {"a": 1}
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert f"REPORT RequestId: {request_id}\t" in base64.b64decode(answer["LogResult"]).decode()


def test_boto3_sees_a_raised_exception_as_aws_tells_it(local: Local) -> None:
    answer = client(local).invoke(FunctionName="broken")
    assert answer["FunctionError"] == "Unhandled"
    payload = json.loads(answer["Payload"].read())
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "no")


def test_boto3_sees_what_is_not_there_and_what_is_throttled_as_its_own_exceptions(local: Local) -> None:
    lambda_ = client(local, "eu-west-1")
    with pytest.raises(
        lambda_.exceptions.ResourceNotFoundException,
        match=r"arn:aws:lambda:eu-west-1:123456789012:function:nope",
    ):
        lambda_.invoke(FunctionName="nope")
    with pytest.raises(lambda_.exceptions.TooManyRequestsException, match=r"Rate Exceeded\."):
        lambda_.invoke(FunctionName="stopped")


def test_boto3_is_told_that_events_are_not_taken_yet(local: Local) -> None:
    with pytest.raises(ClientError) as caught:
        client(local).invoke(FunctionName="echo", InvocationType="Event")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_boto3_runs_dry(local: Local) -> None:
    assert client(local).invoke(FunctionName="echo", InvocationType="DryRun")["StatusCode"] == 204


def test_the_aws_cli_invokes(local: Local, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text('{"name": "Ada"}')
    command = [
        str(Path(sys.executable).with_name("aws")), "--endpoint-url", f"http://127.0.0.1:{local.port}",
        "lambda", "invoke", "--function-name", "echo", "--payload", f"fileb://{tmp_path}/event.json", str(tmp_path / "out"),
    ]  # fmt: skip
    env = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads((tmp_path / "out").read_text()) == {"name": "Ada"}


def test_the_runtime_client_that_aws_wrote_runs_unmodified(local: Local) -> None:
    answer = local.invoke("ric", {"a": 1})
    assert answer.json == [{"a": 1}, answer.headers["x-amzn-requestid"]]


def test_a_function_in_node_runs(local: Local) -> None:
    assert local.invoke("node", {"number": 21}).json == {"doubled": 42}
