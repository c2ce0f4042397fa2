"""Examples for the rules on code, runtime, handler and layers."""

from funclet.api.runtimes import DEPRECATED, RUNTIMES
from support.rule_examples.example import Examples

INLINE = {"inline": {"app.py": "x = 1"}}
IMAGE = {"image": {"ref": "registry.example/app@sha256:" + 64 * "a"}}
ZIP = {"zip": {"path": "app.zip"}}
HASH = 64 * "a"

_HANDLERS = (
    "app.handler",
    "src/index.handler",
    "bootstrap",
    "example.App::handleRequest",
    "Assembly::Company.Product.Function+Nested::Handler",
    "function.App::Handler.process",
    "_private.handler_1",
    "a" * 128,
)
_BAD_HANDLERS = (
    "",
    "../x.y",
    "a..b",
    "/etc/passwd",
    ".hidden.handler",
    "a:b",
    "a:b;rm -rf",
    "a::",
    "::b",
    "app.handler\n",
    "app handler",
    "äpp.handler",
    "a\x00b",
)
_FILES = ("app.py", "src/lib/app.py", "a..b.txt", "..hidden", "...", "with space.txt", "ä.py")
_BAD_FILES = (
    "",
    "/app.py",
    "../app.py",
    "src/../app.py",
    "src/..",
    "./app.py",
    "src//app.py",
    "src/",
    "src\\app.py",
    "C:\\app.py",
    "a\x00b",
    "a\nb",
)
_EXACTLY_128_KIB = {"app.py": "x" * (128 * 1024 - 13)}

EXAMPLES = (
    Examples("one source of code", (INLINE, ZIP, IMAGE), ({}, {**INLINE, **ZIP}, {**INLINE, **ZIP, **IMAGE})),
    Examples(
        "one source of a zip",
        ({"path": "a.zip"}, {"url": "https://example.com/a.zip", "sha256": HASH}, {"blob": "b"}, {"s3": "s"}),
        ({}, {"sha256": HASH}, {"path": "a", "url": "b"}, {"url": "a", "s3": "b", "blob": "c"}),
    ),
    Examples(
        "a zip from elsewhere has its hash",
        ({"path": "a.zip"}, {"url": "https://example.com/a.zip", "sha256": HASH}),
        ({"url": "https://example.com/a.zip"}, {"blob": "a"}, {"s3": "s3://bucket/key"}),
    ),
    Examples("a version's zip is kept", ({"blob": "a", "sha256": HASH},), ({"path": "a.zip"},)),
    Examples("a hash of 64 digits", (64 * "a", 32 * "09"), ("", 63 * "a", 64 * "A", 64 * "g", 65 * "a")),
    Examples(
        "a web address",
        ("https://example.com/a.zip?x=1@2", "http://127.0.0.1:8000/a", "https://example.com"),
        (
            "ftp://example.com/a",
            "example.com/a",
            "https://user:word@example.com/a",
            "https:///a",
            "https://a/ b",
        ),
    ),
    Examples(
        "an S3 address",
        ("s3://bucket/key", "s3://my-bucket.eu/folder/code.zip"),
        ("s3://bucket", "s3://bucket/", "s3://B/key", "https://bucket/key", "s3://bucket/a key"),
    ),
    Examples(
        "plain file names", tuple({name: ""} for name in _FILES), tuple({name: ""} for name in _BAD_FILES)
    ),
    Examples(
        "little inline code",
        ({"app.py": ""}, _EXACTLY_128_KIB),
        (
            {"app.py": _EXACTLY_128_KIB["app.py"] + "x"},
            {"app.py": "ä" * (64 * 1024)},
            {f"{number}.py": "x" * 16_384 for number in range(8)},
        ),
    ),
    Examples(
        "a runtime for plain code",
        ({"code": INLINE, "runtime": "python3.13"}, {"code": IMAGE}),
        ({"code": INLINE}, {"code": ZIP}),
    ),
    Examples(
        "no runtime beside an image",
        ({"code": IMAGE}, {"code": INLINE, "runtime": "python3.13"}),
        ({"code": IMAGE, "runtime": "python3.13"},),
    ),
    Examples("a known runtime", (*RUNTIMES, *DEPRECATED), ("", "pythn3.11", "PYTHON3.9", "nasa", "a\nb")),
    Examples("a runtime of today", (*RUNTIMES, "nasa"), DEPRECATED),
    Examples(
        "a version remembers its runtime",
        ({"code": IMAGE}, {"code": INLINE, "runtimeDigest": "local:1"}),
        ({"code": INLINE},),
    ),
    Examples(
        "a handler for plain code",
        ({"code": IMAGE}, {"code": INLINE, "handler": "app.handler"}, {"code": IMAGE, "handler": "x"}),
        ({"code": INLINE}, {"code": ZIP}),
    ),
    Examples("a sensible handler", _HANDLERS, _BAD_HANDLERS),
    Examples("at most five layers", ([], ["a", "b", "c", "d", "e"]), (["a", "b", "c", "d", "e", "f"],)),
    Examples(
        "no layers beside an image",
        ({"code": IMAGE}, {"code": IMAGE, "layers": []}, {"code": INLINE, "layers": ["a"]}),
        ({"code": IMAGE, "layers": ["a"]},),
    ),
    Examples("a version's code has a hash", (64 * "a",), ("", 63 * "a", 64 * "A")),
)
