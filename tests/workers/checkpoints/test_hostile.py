"""A hostile file is refused with a message, and nothing in it is executed."""

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
    """Run each test in an empty folder, where code that runs leaves its canary."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_a_hostile_file_is_refused_and_nothing_runs(name: str, tmp_path: Path) -> None:
    """No file is created and no module imported. The refusal has a reason."""
    file = tmp_path / "checkpoint"
    file.write_bytes(CORPUS[name])
    with pytest.raises(CheckpointRefused, match=r"This checkpoint was refused: .{10,}"):
        read_checkpoint(file)
    assert list(tmp_path.iterdir()) == [file]
    assert "this" not in sys.modules


def test_python_runs_the_code_in_such_a_file(tmp_path: Path) -> None:
    """The corpus is dangerous: Python's unpickler runs its code."""
    pickle.loads(CORPUS["call os.system"])
    assert (tmp_path / CANARY).exists()


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize(
    "name", ["nvidia-ada-skip-32.pkl", "rosinality-32.pt", "rosinality-legacy-32.pt"]
)
def test_a_file_that_is_cut_short_is_refused(name: str, share: float, tmp_path: Path) -> None:
    """A broken download is refused, wherever it ends."""
    data = (FIXTURES / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointRefused):
        read_checkpoint(tmp_path / name)


@pytest.mark.parametrize("name", ["rosinality-32.pt", "rosinality-legacy-32.pt"])
def test_a_damaged_file_is_refused_or_read(name: str, tmp_path: Path) -> None:
    """No damaged byte causes another error. The damage is the same in each run."""
    valid, rng, refused = (FIXTURES / name).read_bytes(), random.Random(0), 0
    for _ in range(15):
        data = bytearray(valid)
        for _ in range(3):
            data[rng.randrange(10_000)] = rng.randrange(256)
        (tmp_path / name).write_bytes(data)
        try:
            read_checkpoint(tmp_path / name)
        except CheckpointRefused:
            refused += 1
    assert refused > 0
