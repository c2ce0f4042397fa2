"""What a function runs: code, runtime, handler, layers."""

from collections.abc import Mapping
from typing import Any

from funclet.api.rules.measure import cel_json_size, json_size
from funclet.api.rules.rule import FUNCTION, VERSION, VERSIONED, Rule, cel_list, exactly_one, matches
from funclet.api.runtimes import DEPRECATED, RUNTIMES
from funclet.api.settings import MAX_INLINE

_HANDLER = r"^[A-Za-z0-9_][A-Za-z0-9_.$+/-]*(::[A-Za-z0-9_.$+/-]+)*$"
_FILE = r"^[^/\\\x00-\x1f\x7f]+(/[^/\\\x00-\x1f\x7f]+)*$"
_SHA256 = r"^[0-9a-f]{64}$"
# Printable ASCII; the part before the first slash holds no @.
_URL = r"^https?://[!-.0-?A-~]+(/[!-~]*)?$"
_S3 = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[!-~]+$"
_MAX_LAYERS = 5

_KNOWN = cel_list((*RUNTIMES, *DEPRECATED))
_UNKNOWN = (
    f" at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(RUNTIMES)}]"
)
_RETIRED = (
    " is no longer supported for creating or updating AWS Lambda functions. "
    "We recommend you use a supported runtime while creating or updating functions."
)


def _plain_segments(name: str) -> bool:
    return matches(_FILE, name) and not {".", ".."} & set(name.split("/"))


def _has_image(spec: Mapping[str, Any]) -> bool:
    return "image" in spec["code"]


_SOURCES = (
    Rule(
        name="one source of code",
        kinds=VERSIONED,
        node="spec.code",
        cel="[has(self.inline), has(self.zip), has(self.image)].exists_one(given, given)",
        message="code must have exactly one of inline, zip and image",
        holds=lambda code: exactly_one("inline" in code, "zip" in code, "image" in code),
    ),
    Rule(
        name="one source of a zip",
        kinds=VERSIONED,
        node="spec.code.zip",
        cel="[has(self.path), has(self.url), has(self.s3), has(self.blob)].exists_one(given, given)",
        message="zip must have exactly one of path, url, s3 and blob",
        holds=lambda source: exactly_one(*(key in source for key in ("path", "url", "s3", "blob"))),
    ),
    Rule(
        name="a zip from elsewhere has its hash",
        kinds=VERSIONED,
        node="spec.code.zip",
        cel="has(self.path) || has(self.sha256)",
        message="sha256 is required unless the zip comes from path",
        holds=lambda source: "path" in source or "sha256" in source,
        path="sha256",
        reason="FieldValueRequired",
    ),
    Rule(
        name="a version's zip is kept",
        kinds=VERSION,
        node="spec.code.zip",
        cel="!has(self.path)",
        message="path is not allowed in a FunctionVersion: a path may change, a version may not",
        holds=lambda source: "path" not in source,
        path="path",
        reason="FieldValueForbidden",
    ),
    Rule(
        name="a hash of 64 digits",
        kinds=VERSIONED,
        node="spec.code.zip.sha256",
        cel=f"self.matches(r'{_SHA256}')",
        message="sha256 must be 64 lower-case hexadecimal digits",
        holds=lambda text: matches(_SHA256, text),
        whole=True,
    ),
    Rule(
        name="a web address",
        kinds=VERSIONED,
        node="spec.code.zip.url",
        cel=f"self.matches(r'{_URL}')",
        message="url must be an http or https address without a user or password",
        holds=lambda text: matches(_URL, text),
        whole=True,
    ),
    Rule(
        name="an S3 address",
        kinds=VERSIONED,
        node="spec.code.zip.s3",
        cel=f"self.matches(r'{_S3}')",
        message="s3 must be s3://BUCKET/KEY",
        holds=lambda text: matches(_S3, text),
        whole=True,
    ),
    Rule(
        name="plain file names",
        kinds=VERSIONED,
        node="spec.code.inline",
        cel=(f"self.all(name, name.matches(r'{_FILE}') && !name.matches('(^|/)[.][.]?(/|$)'))"),
        message=(
            "names of inline files must be relative and plain: no leading /, no . or .. between "
            "slashes, no backslash, no control characters"
        ),
        holds=lambda files: all(map(_plain_segments, files)),
    ),
    Rule(
        name="little inline code",
        kinds=VERSIONED,
        node="spec.code.inline",
        cel=f"{cel_json_size('self')} <= {MAX_INLINE}",
        message="inline files must be at most 128 KiB together; use zip for more",
        holds=lambda files: json_size(files) <= MAX_INLINE,
    ),
)

_RUNTIME = (
    Rule(
        name="a runtime for plain code",
        kinds=VERSIONED,
        node="spec",
        cel="has(self.code.image) || has(self.runtime)",
        message="runtime is required unless the code is an image",
        holds=lambda spec: _has_image(spec) or "runtime" in spec,
        path="runtime",
        reason="FieldValueRequired",
    ),
    Rule(
        name="no runtime beside an image",
        kinds=VERSIONED,
        node="spec",
        cel="!has(self.code.image) || !has(self.runtime)",
        message="runtime is not allowed with code.image: an image brings its own",
        holds=lambda spec: not _has_image(spec) or "runtime" not in spec,
        path="runtime",
        reason="FieldValueForbidden",
    ),
    Rule(
        name="a known runtime",
        kinds=VERSIONED,
        node="spec.runtime",
        cel=f"self in {_KNOWN}",
        message="runtime must be one of " + ", ".join(RUNTIMES),
        holds=lambda name: name in RUNTIMES or name in DEPRECATED,
        message_cel=f'"Value " + self + "{_UNKNOWN}"',
        describe=lambda name: f"Value {name}{_UNKNOWN}",
    ),
    Rule(
        # A version outlives its runtime; a function must move on.
        name="a runtime of today",
        kinds=FUNCTION,
        node="spec.runtime",
        cel=f"!(self in {cel_list(DEPRECATED)})",
        message="The runtime parameter" + _RETIRED,
        holds=lambda name: name not in DEPRECATED,
        message_cel=f'"The runtime parameter of " + self + "{_RETIRED}"',
        describe=lambda name: f"The runtime parameter of {name}{_RETIRED}",
    ),
    Rule(
        name="a version remembers its runtime",
        kinds=VERSION,
        node="spec",
        cel="has(self.code.image) || has(self.runtimeDigest)",
        message="runtimeDigest is required unless the code is an image",
        holds=lambda spec: _has_image(spec) or "runtimeDigest" in spec,
        path="runtimeDigest",
        reason="FieldValueRequired",
    ),
)

_ENTRY = (
    Rule(
        name="a handler for plain code",
        kinds=VERSIONED,
        node="spec",
        cel="has(self.code.image) || has(self.handler)",
        message="handler is required unless the code is an image",
        holds=lambda spec: _has_image(spec) or "handler" in spec,
        path="handler",
        reason="FieldValueRequired",
    ),
    Rule(
        name="a sensible handler",
        kinds=VERSIONED,
        node="spec.handler",
        cel=f"self.matches(r'{_HANDLER}') && !self.contains('..')",
        message=(
            "handler must be 1 to 128 letters, digits, _ . $ + / - and ::, begin with a letter, digit "
            "or _, and hold no .., such as app.handler, src/index.handler or example.App::run"
        ),
        holds=lambda text: matches(_HANDLER, text) and ".." not in text,
        whole=True,
    ),
    Rule(
        name="at most five layers",
        kinds=VERSIONED,
        node="spec.layers",
        cel=f"size(self) <= {_MAX_LAYERS}",
        message="Cannot reference more than 5 layers.",
        holds=lambda layers: len(layers) <= _MAX_LAYERS,
    ),
    Rule(
        name="no layers beside an image",
        kinds=VERSIONED,
        node="spec",
        cel="!has(self.code.image) || !has(self.layers) || size(self.layers) == 0",
        message="layers are not allowed with code.image: an image brings its own files",
        holds=lambda spec: not _has_image(spec) or not spec.get("layers"),
        path="layers",
        reason="FieldValueForbidden",
    ),
    Rule(
        name="a version's code has a hash",
        kinds=VERSION,
        node="spec.codeSha256",
        cel=f"self.matches(r'{_SHA256}')",
        message="codeSha256 must be 64 lower-case hexadecimal digits",
        holds=lambda text: matches(_SHA256, text),
        whole=True,
    ),
)

RULES = (*_SOURCES, *_RUNTIME, *_ENTRY)
