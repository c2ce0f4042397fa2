import pytest
from hypothesis import given
from hypothesis import strategies as st

from funclet.lambda_api.arn import FunctionName, function_arn, parse_function_name, qualified
from funclet.lambda_api.errors import AwsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("greet", FunctionName("greet")),
        ("greet:live", FunctionName("greet", "live")),
        ("greet:$LATEST", FunctionName("greet", "$LATEST")),
        ("greet:7", FunctionName("greet", "7")),
        ("function:greet", FunctionName("greet")),
        ("123456789012:function:greet", FunctionName("greet", None, None, "123456789012")),
        ("123456789012:function:greet:2", FunctionName("greet", "2", None, "123456789012")),
        (
            "arn:aws:lambda:us-east-1:123456789012:function:greet",
            FunctionName("greet", None, "us-east-1", "123456789012"),
        ),
        (
            "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:greet:live",
            FunctionName("greet", "live", "us-gov-west-1", "123456789012"),
        ),
        ("a_b-C.9", FunctionName("a_b-C.9")),
    ],
)
def test_every_form_of_a_function_name_is_understood(text: str, expected: FunctionName) -> None:
    assert parse_function_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "invalid:function:name",
        "arn:aws:lambda:us-east-1:123400000000@function:myfn",
        "greet:",
        ":live",
        "greet:a:b",
        "gr eet",
        "../x",
        "greet/live",
        "grüße",
        "greet\n",
        "٣",
        "arn:aws:lambda:us-east-1:12345:function:greet",
    ],
)
def test_other_forms_are_refused_in_the_words_of_aws(text: str) -> None:
    error = parse_function_name(text)
    assert isinstance(error, AwsError)
    assert (error.status, error.code) == (400, "ValidationException")
    assert error.message.startswith(
        f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?"
    )


@pytest.mark.parametrize(
    ("text", "bound"), [("", "greater than or equal to 1"), ("a" * 257, "less than or equal to 256")]
)
def test_a_name_has_a_length(text: str, bound: str) -> None:
    error = parse_function_name(text)
    assert isinstance(error, AwsError)
    assert error.message.endswith(f"Member must have length {bound}")


def test_a_qualifier_may_come_beside_the_name() -> None:
    assert qualified(FunctionName("greet"), "live") == FunctionName("greet", "live")
    assert qualified(FunctionName("greet", "live"), "live") == FunctionName("greet", "live")
    assert qualified(FunctionName("greet", "live"), None) == FunctionName("greet", "live")


def test_two_different_qualifiers_are_refused() -> None:
    error = qualified(FunctionName("greet", "1"), "2")
    assert isinstance(error, AwsError)
    assert error.code == "InvalidParameterValueException"
    assert error.message == (
        "The derived qualifier from the function name does not match the specified qualifier."
    )


@pytest.mark.parametrize("qualifier", ["", "a b", "?", "x" * 129, "a:b", "1\n"])
def test_a_qualifier_of_another_shape_is_refused(qualifier: str) -> None:
    error = qualified(FunctionName("greet"), qualifier)
    assert isinstance(error, AwsError)
    assert error.code == "ValidationException"
    assert "'qualifier' failed to satisfy constraint" in error.message


_names = st.from_regex(r"\A[a-zA-Z0-9_.-]{1,64}\Z")
_qualifiers = st.none() | st.just("$LATEST") | st.from_regex(r"\A[a-zA-Z0-9_-]{1,64}\Z")


@given(_names, _qualifiers)
def test_an_arn_that_was_made_is_understood_again(name: str, qualifier: str | None) -> None:
    arn = function_arn("eu-central-1", "123456789012", name, qualifier)
    assert parse_function_name(arn) == FunctionName(name, qualifier, "eu-central-1", "123456789012")


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_an_error(text: str) -> None:
    assert isinstance(parse_function_name(text), FunctionName | AwsError)
