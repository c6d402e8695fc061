"""Promises of the folders that uploads are spooled to."""

import os
from pathlib import Path

from state.spooling import spool_folder, sweep


def test_a_folder_lives_as_long_as_its_upload() -> None:
    """Whatever was spooled goes with the folder."""
    with spool_folder() as folder:
        (folder / "archive").write_bytes(b"an upload")
    assert not folder.exists()


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    """A folder of last week is removed; a fresh one may be somebody's, and other folders are none of ours."""
    for name, at in (
        ("handsoff-upload-old", 0),
        ("handsoff-upload-new", None),
        ("handsoff-data", 0),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "archive").write_bytes(b"an upload")
        if at is not None:
            os.utime(tmp_path / name, (at, at))
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"handsoff-upload-new", "handsoff-data"}
