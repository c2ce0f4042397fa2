import stat
from pathlib import Path

import pytest

from funclet.local.state import StateError, StateFolder


def test_the_folder_and_the_token_are_for_their_owner_alone(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    token = state.token()
    assert len(token) > 32
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state/admin.token").stat().st_mode) == 0o600
    state.close()


def test_the_token_stays_the_same_and_its_mode_is_mended(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    token = first.token()
    first.close()
    (tmp_path / "admin.token").chmod(0o644)
    second = StateFolder(tmp_path)
    assert second.token() == token
    assert stat.S_IMODE((tmp_path / "admin.token").stat().st_mode) == 0o600
    second.close()


def test_a_folder_in_use_names_the_process_and_what_to_do(tmp_path: Path) -> None:
    held = StateFolder(tmp_path)
    with pytest.raises(
        StateError, match=r"in use by process \d+\. Stop that one, or choose another folder with --state"
    ):
        StateFolder(tmp_path)
    held.close()
    StateFolder(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used"):
        StateFolder(tmp_path / "file/state")


def test_what_manifests_are_refused_for_is_told_as_long_as_it_runs(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.tell_problems(["one", "two"])
    assert (tmp_path / "problems").read_text() == "one\ntwo\n"
    state.close()
    assert not (tmp_path / "problems").exists()


def test_it_knows_whether_the_folder_is_still_its_own(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    assert state.is_there()
    (tmp_path / "state").rename(tmp_path / "elsewhere")
    assert not state.is_there()
    state.close()
