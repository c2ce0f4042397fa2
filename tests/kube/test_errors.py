"""What the API server says, as errors of the port."""

import json
from typing import Any

import pytest

from funclet.kube.cluster_port import ForbiddenError, UnreachableError
from funclet.kube.errors import error_of, error_of_answer
from funclet.kube.port import ConflictError, ExpiredError, InvalidError, KubeError, NotFoundError


def status(code: int, reason: str, message: str = "said", **details: Any) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (400, "BadRequest", InvalidError),
        (401, "Unauthorized", ForbiddenError),
        (403, "Forbidden", ForbiddenError),
        (404, "NotFound", NotFoundError),
        (405, "MethodNotAllowed", KubeError),
        (409, "AlreadyExists", ConflictError),
        (409, "Conflict", ConflictError),
        (410, "Expired", ExpiredError),
        (410, "Gone", ExpiredError),
        (413, "RequestEntityTooLarge", InvalidError),
        (415, "UnsupportedMediaType", KubeError),
        (422, "Invalid", InvalidError),
        (429, "TooManyRequests", UnreachableError),
        (500, "InternalError", KubeError),
        (500, "ServerTimeout", UnreachableError),
        (502, "BadGateway", UnreachableError),
        (503, "ServiceUnavailable", UnreachableError),
        (504, "Timeout", UnreachableError),
    ],
)
def test_a_status_is_one_error_that_keeps_what_the_server_said(
    code: int, reason: str, error: type[KubeError]
) -> None:
    made = error_of(status(code, reason))
    assert type(made) is error
    assert (made.status, made.reason, str(made), made.causes) == (code, reason, "said", ())


def test_every_field_that_is_wrong_is_told() -> None:
    causes = [
        {"reason": "FieldValueInvalid", "field": "spec.memory", "message": "too small"},
        {"reason": "FieldValueRequired", "message": "a rule"},
    ]
    made = error_of(status(422, "Invalid", causes=causes))
    assert made.causes == (("spec.memory", "too small"), ("", "a rule"))


def test_an_apply_to_an_object_of_another_uid_is_a_conflict() -> None:
    causes = [{"field": "metadata.uid", "message": "field is immutable"}]
    made = error_of(status(422, "Invalid", causes=causes))
    assert isinstance(made, ConflictError)
    assert (made.status, made.reason) == (409, "Conflict")


@pytest.mark.parametrize(
    ("code", "body", "error", "message"),
    [
        (503, b"<html>try later</html>", UnreachableError, "<html>try later</html>"),
        (404, b"404 page not found\n", NotFoundError, "404 page not found"),
        (502, b"", UnreachableError, "BadGateway"),
        (403, b"\xff\xfe", ForbiddenError, "\ufffd\ufffd"),
        (404, b"[]", NotFoundError, "[]"),
        (599, b"", KubeError, "Unknown"),
        (404, json.dumps({**status(500, "NotFound"), "details": None}).encode(), NotFoundError, "said"),
    ],
)
def test_an_answer_that_is_no_status_is_understood_by_its_code(
    code: int, body: bytes, error: type[KubeError], message: str
) -> None:
    made = error_of_answer(code, body)
    assert type(made) is error
    assert str(made) == message


def test_a_page_of_a_proxy_does_not_become_a_page_of_a_log() -> None:
    assert len(str(error_of_answer(502, b"x" * 1_000_000))) < 5000
