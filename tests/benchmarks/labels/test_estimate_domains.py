"""The domains on which estimates are judged."""

from argparse import Namespace
from pathlib import Path

import pytest
import torch

from benchmarks.labels.estimate_domains import POOL, LabelledImages, Portraits, open_domains
from benchmarks.options import BUILTIN_DIFFUSION


def options(folder: Path, faces: Path | None) -> Namespace:
    """Return the options of a run with this folder of faces."""
    return Namespace(
        generator=BUILTIN_DIFFUSION, folder=folder, faces=faces, faces_generator=folder / "none"
    )


def test_missing_faces_are_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The portraits stay, and a line names the missing file."""
    domains = list(open_domains(options(tmp_path, tmp_path)))
    assert [domain.name for domain in domains] == ["portraits"]
    assert capsys.readouterr().err.startswith("real faces: skipped, no split.json")
    assert len(list(open_domains(options(tmp_path, None)))) == 1


def test_labelled_sets_are_drawn_from_a_pool(tmp_path: Path) -> None:
    """A draw is the same every time; codes, images and labels stay together."""
    pool = Portraits(BUILTIN_DIFFUSION, tmp_path).labelled(0)
    assert len(pool.pairs) == POOL
    few: LabelledImages = pool.subset(4, seed=1)
    assert few.pairs.names == pool.subset(4, seed=1).pairs.names
    place = pool.pairs.names.index(few.pairs.names[2])
    assert torch.equal(few.codes[2], pool.codes[place])
    assert (few.pairs.images[2] == pool.pairs.images[place]).all()
