"""The comparison of the families: the data at 32 px, the figures, and a run with the smallest numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.labels.families import main, summary
from benchmarks.labels.families_training import halved
from benchmarks.segmenter.renderings import Renderings


def test_halved_masks_have_the_most_frequent_class() -> None:
    """Three pixels win against one; of two equally frequent classes the larger index wins. Colors are means."""
    mask = np.array([[[1, 1, 2, 9], [1, 8, 9, 2]]], np.uint8)
    image = np.array([[[0, 0, 100, 200], [0, 40, 200, 100]]], np.uint8)[..., None].repeat(3, axis=3)
    half = halved(Renderings(image, mask))
    assert half.masks.tolist() == [[[1, 9]]]
    assert half.images[0, 0, :, 0].tolist() == [10, 150]


def test_figures_are_means_and_a_single_draw_has_no_deviation() -> None:
    """Both scores get a standard deviation over the draws."""
    runs = [{"heldout_miou": value, "generated_miou": 0.5} for value in (0.4, 0.6)]
    assert summary(runs)["heldout_miou"] == 0.5
    assert summary(runs)["heldout_miou_deviation"] == pytest.approx(0.1414, abs=1e-4)
    assert summary(runs[:1])["heldout_miou_deviation"] is None


@pytest.mark.long
def test_a_run_continues_and_ends_with_a_line_of_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both families are trained, fitted and scored; a second run reads the networks and repeats the scores.

    A run with other settings reads none of them.
    """
    numbers = {
        "--folder": tmp_path,
        "--cpu-seconds": 0.2,
        "--images": 16,
        "--labels": 4,
        "--draws": 1,
        "--heldout": 4,
        "--generated": 2,
        "--inversion-steps": 1,
        "--kind": "paper",
        "--members": 2,
        "--steps": 2,
        "--segmenter-renderings": 4,
        "--segmenter-epochs": 1,
    }
    arguments = [str(part) for pair in numbers.items() for part in pair]
    other = [*arguments, "--cpu-seconds", "0.1", "--segmenter-renderings", "6", "--steps", "1"]
    lines = []
    for _ in range(2):
        main(arguments)
        lines.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    for family in ("diffusion", "stylegan2"):
        assert 0 <= lines[0][family]["4"]["heldout_miou"] <= 1
        assert lines[0][family]["4"] == lines[1][family]["4"]
        assert (tmp_path / "0.2-seconds-16-images" / f"{family}.png").exists()
    assert lines[0]["diffusion"]["reconstruction_psnr_db"] > 100
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    main(other)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert before.items() <= after.items()
    new = {path.relative_to(tmp_path).as_posix() for path in after.keys() - before.keys()}
    assert {"segmenter-32-6-1.safetensors", "0.1-seconds-16-images/inverter.json"} <= new
    assert len([name for name in new if name.startswith("0.1-seconds") and "-4-0-" in name]) == 2
