"""The forms in which callers name a function: name, partial ARN and ARN, each with a qualifier or without."""

import re
from dataclasses import dataclass, replace

from funclet.lambda_api.errors import AwsError, invalid_parameter, violates

_NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_QUALIFIER_PATTERN = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
_NAME = re.compile(
    r"(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?"
    r"(?:(?P<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-[0-9]):)?"
    r"(?:(?P<account>[0-9]{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9_.-]+)"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_-]+))?"
)
_QUALIFIER = re.compile(r"\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9_$-]+")
_MAX_NAME = 256
_MAX_QUALIFIER = 128


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A parsed function name; what the caller left out is None."""

    name: str
    qualifier: str | None = None
    region: str | None = None
    account: str | None = None


def function_arn(region: str, account: str, name: str, qualifier: str | None = None) -> str:
    """Return the ARN of a function, or of one of its versions or aliases."""
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
    return arn if qualifier is None else f"{arn}:{qualifier}"


def parse_function_name(text: str) -> FunctionName | AwsError:
    """Return the parts of a function name, already URL-decoded; AWS's words where it has another shape."""
    if not text:
        return violates(text, "functionName", "have length greater than or equal to 1")
    if len(text) > _MAX_NAME:
        return violates(text, "functionName", f"have length less than or equal to {_MAX_NAME}")
    match = _NAME.fullmatch(text)
    if match is None:
        return violates(text, "functionName", f"satisfy regular expression pattern: {_NAME_PATTERN}")
    return FunctionName(match["name"], match["qualifier"], match["region"], match["account"])


def qualified(name: FunctionName, qualifier: str | None) -> FunctionName | AwsError:
    """Return the name with the separate Qualifier parameter taken in; both given must be equal."""
    if qualifier is None:
        return name
    if not qualifier:
        return violates(qualifier, "qualifier", "have length greater than or equal to 1")
    if len(qualifier) > _MAX_QUALIFIER:
        return violates(qualifier, "qualifier", f"have length less than or equal to {_MAX_QUALIFIER}")
    if _QUALIFIER.fullmatch(qualifier) is None:
        return violates(qualifier, "qualifier", f"satisfy regular expression pattern: {_QUALIFIER_PATTERN}")
    if name.qualifier is not None and name.qualifier != qualifier:
        return invalid_parameter(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return replace(name, qualifier=qualifier)
