"""Promises of `python -m workers.checkpoints`: inspect, convert, render, and an end with a message."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workers.checkpoints.__main__ import main
from workers.checkpoints.stylegan2.reading import read_checkpoint

FIXTURES = Path(__file__).parents[2] / "fixtures" / "checkpoints"
CHECKPOINT = FIXTURES / "nvidia-ada-resnet-conditional-32.pkl"
LATENTS = CHECKPOINT.with_suffix(".npz")


def test_inspect_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One object, for people and for programs."""
    assert main(["inspect", str(CHECKPOINT)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["architecture"], told["num_classes"]) == ("resnet", 5)
    assert len(told["taps"]) == 8


def test_convert_writes_what_is_read_again(tmp_path: Path) -> None:
    """Both networks as pairs; the folder is a checkpoint itself, equal to the first."""
    assert main(["convert", str(CHECKPOINT), str(tmp_path / "out")]) == 0
    names = {
        f"{name}.{end}"
        for name in ("generator", "discriminator")
        for end in ("json", "safetensors")
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    ours, theirs = read_checkpoint(tmp_path / "out"), read_checkpoint(CHECKPOINT)
    assert ours.discriminator is not None
    assert ours.missing == theirs.missing
    for name, tensor in theirs.generator.tensors.items():
        assert tensor.equal(ours.generator.tensors[name])


def test_render_writes_the_three_images(tmp_path: Path) -> None:
    """Float32, equal to what the published code made of the same codes."""
    assert main(["render", str(CHECKPOINT), str(LATENTS), str(tmp_path / "out.npz")]) == 0
    with np.load(tmp_path / "out.npz") as made, np.load(LATENTS) as wanted:
        assert set(made) == {"image_w", "image_psi07", "image_wplus"}
        for name in made:
            assert made[name].dtype == np.float32
            largest = np.abs(wanted[name]).max()
            assert np.abs(made[name] - wanted[name]).max() < 1e-5 * largest


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros((1, 64))}, "none of the arrays ws, ws_psi07, wplus"),
        ({"ws": np.zeros((1, 9, 64))}, r"takes [n, 8, 64]"),
    ],
    ids=["no codes", "codes of another generator"],
)
def test_codes_must_be_the_generators(
    arrays: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2, a message that says what belongs there, and no file."""
    np.savez(tmp_path / "codes.npz", allow_pickle=False, **arrays)
    out = tmp_path / "out.npz"
    assert main(["render", str(CHECKPOINT), str(tmp_path / "codes.npz"), str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_refusal_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """The file and the reason on stderr, nothing on stdout."""
    assert main(["inspect", str(FIXTURES / "nvidia-stylegan3-t-32-unsupported.pkl")]) == 2
    ended = capsys.readouterr()
    assert ended.out == ""
    assert "unsupported.pkl: This checkpoint was refused: it is StyleGAN3" in ended.err


def test_help_tells_what_may_come(capsys: pytest.CaptureFixture[str]) -> None:
    """Formats, commands and what each reads."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("rosinality", "inspect", "convert", "render"))
