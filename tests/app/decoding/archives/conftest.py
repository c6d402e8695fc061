"""Fixtures of the archive tests."""

import shutil
from pathlib import Path

import pytest

from app.decoding.archives.archive import unpack
from tests.app.decoding.archives.tarring import Unpack
from tests.app.decoding.limits import LIMITS


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpack:
    """A function that unpacks the bytes of an archive and returns the paths by name."""

    def run(data: bytes) -> dict[str, Path]:
        archive = tmp_path / "archive"
        archive.write_bytes(data)
        shutil.rmtree(tmp_path / "unpacked", ignore_errors=True)
        return unpack(archive, tmp_path / "unpacked", LIMITS)

    return run
