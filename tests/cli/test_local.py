"""Command lines of `funclet local` that cannot be meant."""

import pytest

from support.cli import Command, manifest
from support.rest import function

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--frob",), "There is no option --frob; a file of that name is ./--frob."),
        (("--port", "99999"), "--port 99999: a port is a number from 0 to 65535."),
        (("--admin-port=-1",), "--admin-port -1: a port is a number from 0 to 65535."),
        (("--pass-env", "A=B"), "--pass-env A=B: give the name alone"),
        (("nowhere.yaml",), "nowhere.yaml: there is no such file or folder"),
    ],
)
async def test_what_cannot_be_meant_is_refused_before_anything_is_made(
    funclet: Command, arguments: tuple[str, ...], words: str
) -> None:
    (funclet.folder / "f.yaml").write_text(manifest(function()))
    ran = await funclet("local", "f.yaml", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert [path.name for path in funclet.folder.iterdir()] == ["f.yaml"]
