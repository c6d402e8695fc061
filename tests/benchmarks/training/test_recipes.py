"""The command of the comparison: finished runs are kept."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.training import recipes
from benchmarks.training.domains import PX


def test_a_finished_run_is_read_and_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second command prints the same JSON; networks and samples of the run lie in its folder."""
    images = np.random.default_rng(0).uniform(-1, 1, (16, 3, PX, PX)).astype(np.float32)
    np.savez(tmp_path / f"portraits-{PX}.npz", images=images)
    command = ["recipes", "--folder", str(tmp_path), "--recipes", "baseline", "--seconds", "0.1"]
    monkeypatch.setattr(sys, "argv", command)
    printed = []
    for _ in range(2):
        recipes.main()
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    (run,) = json.loads(printed[0])["runs"]
    assert [row["images"] > 0 for row in run["curve"]] == [True, True]
    names = {path.name for path in (tmp_path / "runs" / "baseline-portraits-0-0.1").iterdir()}
    assert {"generator.safetensors", "discriminator.safetensors", "samples.png"} <= names


def test_recipes_of_pretrained_features_need_weights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the folder of weights the command names the recipes that need it."""
    monkeypatch.setattr(
        sys, "argv", ["recipes", "--recipes", "both", "balanced batches, squeezenet", "baseline"]
    )
    with pytest.raises(SystemExit):
        recipes.main()
    assert (
        "expected --squeezenet FOLDER for balanced batches, squeezenet, both, got none"
        in capsys.readouterr().err
    )
