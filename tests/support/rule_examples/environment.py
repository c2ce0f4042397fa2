"""Examples for the rules on variables, secrets, config maps and the role."""

from funclet.api.rules.environment import RESERVED
from support.rule_examples.example import Examples

_PLATFORM = ("dev", "funclet", "opt", "proc", "sys", "tmp", "var/runtime", "var/task")
_HIDING = ("/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/var")
_LONG_NAME = ".".join(["a" * 63] * 3 + ["b" * 61])
_EXACTLY_4_KB = {"NAME": "x" * (4096 - 11)}


def _variables(what: str) -> tuple[Examples, ...]:
    return (
        Examples(
            f"{what} has plain names",
            ({}, {"STAGE": "prod"}, {"a1_": ""}, {"A" * 256: ""}),
            tuple({name: ""} for name in ("", "A=B", "A\x00", "1A", "_A", "A-B", "Ä", "A\n", "A" * 257)),
        ),
        Examples(
            f"{what} leaves reserved names alone",
            ({}, {"PATH": "/bin"}, {"AWS_XRAY_CONTEXT_MISSING": "x"}, {"TZ": "UTC"}),
            (*({name: "x"} for name in RESERVED), {"AWS_REGION": "x", "_HANDLER": "y", "A": "z"}),
        ),
        Examples(
            f"{what} leaves Funclet's names alone",
            ({}, {"FUNCLET": "x", "MY_FUNCLET_A": "y"}),
            ({"FUNCLET_URL": "x"}, {"A": "", "FUNCLET_": ""}),
        ),
    )


def _references(field: str) -> tuple[Examples, ...]:
    return (
        Examples(
            f"{field} are of the own namespace",
            ("database", "a.b-c.d", "1", _LONG_NAME),
            ("", "other/database", "other:database", "Database", "a..b", "-a", "a-", "a\n", "a b", "😀"),
        ),
        Examples(
            f"{field} reach the function",
            ({"name": "a", "prefix": ""}, {"name": "a", "variables": {"A": "k"}, "mountPath": "/a"}),
            ({"name": "a"},),
        ),
        Examples(f"{field} have a plain prefix", ("", "A", "DB_"), ("_", "1A", "A-", "A\n", "A=")),
        Examples(
            f"{field} are mounted at a plain path",
            ("/etc/database", "/a", "/a/..b/c.d", "/mnt/with space"),
            ("", "/", "a", "/a/", "/a//b", "/a/../b", "/..", "/a/.", "/a:b", "/a\x00", "/a\n"),
        ),
        Examples(
            f"{field} are mounted beside the platform's folders",
            ("/etc/database", "/opts/a", "/var/tasks", "/var/run", "/usr/share/a", "/funclets", "/home"),
            (*_HIDING, *(f"/{folder}{below}" for folder in _PLATFORM for below in ("", "/a", "/a/b"))),
        ),
        *_variables(f"variables of {field}"),
        Examples(
            f"variables of {field} come from keys",
            (
                {},
                {"A": "password", "B": "tls.crt", "C": ".hidden", "D": "a..b", "E": "_-."},
                {"A": "k" * 253},
            ),
            tuple({"A": key} for key in (".", "..", "..data", "a/b", "a b", "ä", "a\n", "$(A)", "a:b")),
        ),
    )


EXAMPLES = (
    *_variables("environment"),
    Examples(
        "little environment",
        ({}, {"A": "b"}, _EXACTLY_4_KB),
        (
            {"NAME": _EXACTLY_4_KB["NAME"] + "x"},
            {"NAME": "ä" * 2048},
            {f"NAME_{number:03}": "x" * 32 for number in range(100)},
        ),
    ),
    *_references("secrets"),
    *_references("configMaps"),
    Examples(
        "one mount for each path",
        (
            {},
            {"secrets": [{"name": "a"}, {"name": "b"}]},
            {"secrets": [{"name": "a", "mountPath": "/a"}], "configMaps": [{"name": "a", "mountPath": "/b"}]},
            {"secrets": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/ab"}]},
        ),
        (
            {"secrets": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/a"}]},
            {"secrets": [{"name": "a", "mountPath": "/a"}], "configMaps": [{"name": "a", "mountPath": "/a"}]},
            {
                "secrets": [{"name": "a", "mountPath": "/a/b/c"}],
                "configMaps": [{"name": "a", "mountPath": "/a"}],
            },
        ),
    ),
    Examples(
        "one source for each variable",
        (
            {},
            {"environment": {"A": "x"}, "secrets": [{"name": "a", "variables": {"B": "k", "C": "k"}}]},
            {
                "secrets": [{"name": "a", "prefix": ""}],
                "configMaps": [{"name": "a", "variables": {"A": "k"}}],
            },
        ),
        (
            {"environment": {"A": "x"}, "secrets": [{"name": "a", "variables": {"A": "k"}}]},
            {"secrets": [{"name": "a", "variables": {"A": "k"}}, {"name": "a", "variables": {"A": "k"}}]},
            {
                "secrets": [{"name": "a", "variables": {"A": "k"}}],
                "configMaps": [{"name": "a", "variables": {"A": "k"}}],
            },
        ),
    ),
    Examples(
        "a role of the own namespace",
        ("runner", "arn:aws:iam::123456789012:role/path/runner", "arn:aws-cn:iam::123456789012:role/r"),
        (
            "",
            "other/runner",
            "Runner",
            "arn:aws:iam::1:role/r",
            "arn:aws:iam::123456789012:user/u",
            "a" * 254,
        ),
    ),
)
