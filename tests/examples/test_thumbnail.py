"""The handler as it is shipped: zipped with the pinned Pillow, run by this interpreter."""

import base64
import hashlib
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from support.examples import EXAMPLES

FOLDER = EXAMPLES / "thumbnail"
PHOTO = FOLDER / "photo.jpg"
CALL = """
import json, sys
sys.path.insert(0, sys.argv[1])
import app
print(json.dumps(app.handler(json.load(sys.stdin), None)))
"""

pytestmark = pytest.mark.processes


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Read width and height from the first start-of-frame segment; raises ValueError for what is no JPEG."""
    if not data.startswith(b"\xff\xd8") or not data.endswith(b"\xff\xd9"):
        raise ValueError("no JPEG")
    place = 2
    while True:
        mark, length = struct.unpack_from(">HH", data, place)
        if 0xFFC0 <= mark <= 0xFFCF and mark not in {0xFFC4, 0xFFC8, 0xFFCC}:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        place += 2 + length


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The function's code, as `make examples` builds it."""
    archive = tmp_path_factory.mktemp("thumbnail") / "thumbnail.zip"
    subprocess.run([sys.executable, str(FOLDER / "build.py"), str(archive)], check=True, timeout=100)
    folder = archive.with_suffix("")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    return folder


def call(code: Path, event: dict[str, Any]) -> Any:
    command = [sys.executable, "-I", "-c", CALL, str(code)]
    return json.loads(
        subprocess.run(
            command, input=json.dumps(event).encode(), check=True, capture_output=True, timeout=60
        ).stdout
    )


def test_the_sample_is_a_real_photograph_in_size_and_form() -> None:
    photo = PHOTO.read_bytes()
    assert jpeg_size(photo) == (1600, 1067)
    assert 100_000 < len(photo) < 400_000


def test_a_photograph_becomes_a_smaller_one_of_the_same_proportions(code: Path) -> None:
    answer = call(code, {"image": base64.b64encode(PHOTO.read_bytes()).decode(), "width": 320})
    picture = base64.b64decode(answer["image"])
    assert jpeg_size(picture) == (answer["width"], answer["height"]) == (320, 213)
    assert 3_000 < len(picture) < 40_000


def test_a_picture_is_never_enlarged(code: Path) -> None:
    answer = call(code, {"image": base64.b64encode(PHOTO.read_bytes()).decode(), "width": 5000})
    assert jpeg_size(base64.b64decode(answer["image"])) == (1600, 1067)


def test_what_is_no_picture_is_an_error(code: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        call(code, {"image": base64.b64encode(b"no picture").decode()})
    assert b"cannot identify image file" in failed.value.stderr


def test_the_same_sources_give_the_same_zip(code: Path, tmp_path: Path) -> None:
    again = tmp_path / "thumbnail.zip"
    subprocess.run([sys.executable, str(FOLDER / "build.py"), str(again)], check=True, timeout=100)
    first = code.with_suffix(".zip")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(first.read_bytes()).digest()


def test_every_dependency_is_pinned_by_hash() -> None:
    pinned = [line for line in (FOLDER / "requirements.txt").read_text().split("\n") if "==" in line]
    assert len(pinned) == 1
    assert pinned[0].startswith("pillow==")
    assert (FOLDER / "requirements.txt").read_text().count("--hash=sha256:") > 8
