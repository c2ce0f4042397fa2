"""The names of runtimes: AWS's own, and bare ones that mean the platform's current version."""

import re

#: A bare family name means the version that the platform runs by default.
CURRENT = ("python", "nodejs", "provided")

#: What AWS takes today, by the enumeration in its own error message, and the current ones.
RUNTIMES = (
    *CURRENT,
    "python3.8",
    "python3.9",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "nodejs16.x",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "provided.al2",
    "provided.al2023",
    "java8.al2",
    "java11",
    "java17",
    "java21",
    "java25",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "dotnet6",
    "dotnet8",
    "dotnet10",
)

#: Names that AWS knew once and refuses now.
DEPRECATED = (
    "python2.7",
    "python3.6",
    "python3.7",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "java8",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "dotnet7",
)

_FAMILY = re.compile(r"dotnet|[a-z]+")


def family(runtime: str) -> str:
    """Tell the language of a runtime name, such as python; a name without one is its own family."""
    match = _FAMILY.match(runtime)
    return match[0] if match else runtime
