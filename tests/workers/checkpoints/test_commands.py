"""`python -m workers.checkpoints`: inspect, convert, render, and the messages of refusals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.generators.import_options import ImportOptions
from tests.workers.checkpoints.diffusion.guided_nets import FIXTURES as GUIDED
from tests.workers.importing.imports import add_inverter
from tests.workers.scene import write_generator
from workers.checkpoints.__main__ import main
from workers.checkpoints.import_arguments import HELP
from workers.checkpoints.stylegan2.reading import read_checkpoint

FIXTURES = Path(__file__).parents[2] / "fixtures" / "checkpoints"
CHECKPOINT = FIXTURES / "nvidia-ada-resnet-conditional-32.pkl"
LATENTS = CHECKPOINT.with_suffix(".npz")


def test_inspect_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The output is one JSON object."""
    assert main(["inspect", str(CHECKPOINT)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["architecture"], printed["num_classes"]) == ("resnet", 5)
    assert len(printed["taps"]) == 8


def test_a_converted_folder_equals_the_checkpoint(tmp_path: Path) -> None:
    """Convert writes two files per network. The folder is a checkpoint with the same tensors."""
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
    """The images are float32, and equal those of the published code for the same codes."""
    assert main(["render", str(CHECKPOINT), str(LATENTS), str(tmp_path / "out.npz")]) == 0
    with np.load(tmp_path / "out.npz") as images, np.load(LATENTS) as expected:
        assert set(images) == {"image_w", "image_psi07", "image_wplus"}
        for name in images:
            assert images[name].dtype == np.float32
            largest = np.abs(expected[name]).max()
            assert np.abs(images[name] - expected[name]).max() < 1e-5 * largest


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros((1, 64))}, "expected one or more of the arrays ws, ws_psi07, wplus"),
        ({"ws": np.zeros((1, 9, 64))}, "expected codes [n, 8, 64]"),
    ],
    ids=["no codes", "codes of another generator"],
)
def test_codes_must_be_the_generators(
    arrays: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with status 2 and a message with the expected arrays. It writes no file."""
    np.savez(tmp_path / "codes.npz", allow_pickle=False, **arrays)
    out = tmp_path / "out.npz"
    assert main(["render", str(CHECKPOINT), str(tmp_path / "codes.npz"), str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


OPTIONS = ["--attention-order", "head_major", "--head-channels", "16", "--px", "8"]


def test_a_guided_diffusion_file_is_inspected_and_converted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the import options; `render` is of StyleGAN2 only."""
    arguments = [str(GUIDED / "one-level-half.pt"), *OPTIONS, "--noise-schedule", "linear"]
    assert main(["inspect", *arguments]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["format"], printed["network"]) == ("guided-diffusion", "diffusion")
    assert printed["resolution"] == {"height_px": 8, "width_px": 8}
    assert main(["convert", *arguments, str(tmp_path / "out")]) == 0
    assert "learn_sigma" in capsys.readouterr().err
    assert (tmp_path / "out" / "generator.safetensors").exists()
    assert main(["render", *arguments, str(LATENTS), str(tmp_path / "out.npz")]) == 2
    assert "got a generator of family diffusion" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (OPTIONS, "does not state noise_schedule (linear or cosine)"),
        ([*OPTIONS, "--noise-schedule", "square"], "noise_schedule: Input should be"),
        ([*OPTIONS, "--num-heads", "2"], "head_channels or num_heads, got both"),
    ],
)
def test_wrong_import_options_end_with_status_2(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the option."""
    assert main(["inspect", str(GUIDED / "one-level-half.pt"), *options]) == 2
    assert message in capsys.readouterr().err


def test_the_command_has_all_import_options() -> None:
    """Each has a text."""
    assert set(HELP) == set(ImportOptions.model_fields)


def test_an_inverter_is_converted_too(tmp_path: Path) -> None:
    """The folder of the operators' commands is copied with it."""
    folder = write_generator(tmp_path)
    add_inverter(folder)
    assert main(["convert", str(folder), str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "inverter.safetensors").exists()


def test_a_refusal_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    """The file and the reason are on stderr, and stdout is empty."""
    assert main(["inspect", str(FIXTURES / "nvidia-stylegan3-t-32-unsupported.pkl")]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "unsupported.pkl: This checkpoint was refused: it is StyleGAN3" in output.err


def test_help_lists_formats_and_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The help has the supported formats and the commands."""
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("rosinality", "inspect", "convert", "render"))
