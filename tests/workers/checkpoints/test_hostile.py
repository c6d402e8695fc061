"""The promise of the whole room: a hostile file is refused with a message, and nothing in it is executed."""

import pickle
import random
import sys
from pathlib import Path

import pytest

from tests.workers.checkpoints.hostile import CANARY, corpus
from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.stylegan2.reading import read_checkpoint

FIXTURES = Path(__file__).parents[2] / "fixtures" / "checkpoints"


CORPUS = corpus()


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs, runs here, and leaves its canary here."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_a_hostile_file_is_refused_and_nothing_runs(name: str, tmp_path: Path) -> None:
    """No file is created and no module imported; the refusal names the reason."""
    file = tmp_path / "checkpoint"
    file.write_bytes(CORPUS[name])
    with pytest.raises(CheckpointRefused, match=r"This checkpoint was refused: .{10,}"):
        read_checkpoint(file)
    assert list(tmp_path.iterdir()) == [file]
    assert "this" not in sys.modules


def test_the_canary_sings_when_such_a_file_is_unpickled(tmp_path: Path) -> None:
    """The corpus is no paper tiger: Python's own unpickler runs it."""
    pickle.loads(CORPUS["call os.system"])
    assert (tmp_path / CANARY).exists()


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize(
    "name", ["nvidia-ada-skip-32.pkl", "rosinality-32.pt", "rosinality-legacy-32.pt"]
)
def test_a_file_that_is_cut_short_is_refused(name: str, share: float, tmp_path: Path) -> None:
    """A broken download is reported as damaged, at any position."""
    data = (FIXTURES / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointRefused):
        read_checkpoint(tmp_path / name)


@pytest.mark.parametrize("name", ["rosinality-32.pt", "rosinality-legacy-32.pt"])
def test_whatever_byte_is_broken_the_end_is_a_refusal_or_a_checkpoint(
    name: str, tmp_path: Path
) -> None:
    """No damage comes out as an error of another kind; the damage is the same every time."""
    whole, chance, refused = (FIXTURES / name).read_bytes(), random.Random(0), 0
    for _ in range(15):
        data = bytearray(whole)
        for _ in range(3):
            data[chance.randrange(10_000)] = chance.randrange(256)
        (tmp_path / name).write_bytes(data)
        try:
            read_checkpoint(tmp_path / name)
        except CheckpointRefused:
            refused += 1
    assert refused > 0
