import hashlib
import io
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from funclet.plan.archive import zip_of

names = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}\.py", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)


@given(st.dictionaries(names, texts, max_size=5))
def test_the_order_of_files_does_not_change_the_bytes(files: dict[str, str]) -> None:
    assert zip_of(files) == zip_of(dict(reversed(files.items())))


@given(st.dictionaries(names, texts, max_size=5))
def test_every_file_comes_out_as_it_went_in(files: dict[str, str]) -> None:
    with zipfile.ZipFile(io.BytesIO(zip_of(files))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name).decode() for name in archive.namelist()} == files


def test_only_bootstrap_can_be_executed() -> None:
    with zipfile.ZipFile(io.BytesIO(zip_of({"app.py": "", "bootstrap": "#!/bin/sh\n"}))) as archive:
        modes = {each.filename: oct(each.external_attr >> 16) for each in archive.infolist()}
    assert modes == {"app.py": "0o100644", "bootstrap": "0o100755"}


def test_the_hash_of_an_archive_never_changes() -> None:
    content = zip_of({"app.py": "def handler(event, context):\n    return event\n"})
    assert (
        hashlib.sha256(content).hexdigest()
        == "958fb02fa06437faacb0c29093da218412df2f91502478457c310502d6685ac7"
    )
