"""The temporary folders of uploads."""

import os
from pathlib import Path

from state.process.spooling import spool_folder, sweep


def test_the_folder_is_deleted_after_the_block() -> None:
    """Its files are deleted with it."""
    with spool_folder() as folder:
        (folder / "archive").write_bytes(b"an upload")
    assert not folder.exists()


def test_folders_of_killed_processes_are_swept(tmp_path: Path) -> None:
    """An old folder is deleted. A new one may be in use, and other folders belong to other programs."""
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
