import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import botocore.session
import pytest

from funclet.lambda_api import errors
from funclet.lambda_api.errors import AwsError

if TYPE_CHECKING:
    from botocore.model import StructureShape


@pytest.mark.parametrize(
    ("error", "status", "code", "body"),
    [
        (
            errors.function_not_found("arn:aws:lambda:us-east-1:111111111111:function:nope"),
            404,
            "ResourceNotFoundException",
            {
                "Type": "User",
                "Message": "Function not found: arn:aws:lambda:us-east-1:111111111111:function:nope",
            },
        ),
        (
            errors.wrong_region("ap-southeast-1", "us-east-1"),
            404,
            "ResourceNotFoundException",
            {
                "Type": "User",
                "Message": "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')",
            },
        ),
        (
            errors.throttled("ReservedFunctionConcurrentInvocationLimitExceeded"),
            429,
            "TooManyRequestsException",
            {
                "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
                "Type": "User",
                "message": "Rate Exceeded.",
            },
        ),
        (
            errors.request_too_large(6291456, "InvokeFunction"),
            413,
            "RequestEntityTooLargeException",
            {"message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
        ),
        (
            errors.invalid_parameter("Wrong."),
            400,
            "InvalidParameterValueException",
            {"Type": "User", "message": "Wrong."},
        ),
    ],
    ids=lambda value: value.code if isinstance(value, AwsError) else None,
)
def test_errors_look_as_aws_sends_them(error: AwsError, status: int, code: str, body: dict[str, str]) -> None:
    assert (error.status, error.code, json.loads(error.body())) == (status, code, body)
    assert ("x-amzn-ErrorType", code) in error.headers()


def test_only_throttles_and_outages_say_when_to_come_again() -> None:
    assert ("Retry-After", "1") in errors.throttled("ConcurrentInvocationLimitExceeded").headers()
    assert "Retry-After" not in dict(errors.invalid_content("x").headers())


def test_the_spelling_of_message_is_that_of_the_service_model() -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    for shape in model.error_shapes:
        members = cast("StructureShape", shape).members
        key = next(name for name in members if name.lower() == "message")
        error = AwsError(400, shape.name, "words")
        assert key in json.loads(error.body()), shape.name


def test_a_message_may_carry_anything_a_caller_sent() -> None:
    error = replace(errors.invalid_content("x"), message='"\r\n\ud800\U0001f600')
    assert re.fullmatch(rb"[ -~]+", error.body())
    assert json.loads(error.body())["message"] == '"\r\n\ud800\U0001f600'
