"""The training commands print help without loading torch, and print their progress."""

import argparse
import re
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from benchmarks.defaults import encoder_options
from contracts.generators.families import GENERATOR_FAMILIES
from models.adversarial.training import AdversarialOptions
from models.generators.diffusion.training import DiffusionTrainingOptions
from workers.training import train_generator, train_inverter
from workers.training.generator_options import DIFFUSION_DEFAULTS, FAMILIES, ONE_FAMILY
from workers.training.generator_training import chosen_device
from workers.training.training_options import run_command
from workers.training.training_progress import TrainingProgress

COMMANDS = ("train_generator", "train_inverter")
PARSERS = {"train_generator": train_generator._parser(), "train_inverter": train_inverter._parser()}


def actions(command: str) -> list[argparse.Action]:
    """Return every option of a command except --help."""
    return [it for it in PARSERS[command]._actions if it.dest != "help" and it.option_strings]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command: str) -> None:
    """Help is a sentence on when to change the option, then type and default; the printed default is correct."""
    for action in actions(command):
        assert action.help is not None
        about, _, facts = action.help.rpartition(" (")
        assert len(about.split()) > 5, action.dest
        assert re.match(r"(whole number|number|text|folder|choice|switch)", facts), action.dest
        if isinstance(action.default, int | float) and not isinstance(action.default, bool):
            assert facts.endswith(f"default {action.default:,})")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_no_torch(command: str, tmp_path: Path) -> None:
    """Help is fast: after it, a fresh interpreter has not imported torch, and nothing was started."""
    code = (
        "import sys, runpy; sys.argv = ['x', '--help']\n"
        f"try: runpy.run_module('workers.training.{command}', run_name='__main__')\n"
        "except SystemExit as end: print('torch' in sys.modules, end.code)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("False 0\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--batch", "0"],
        ["--total-images", "1.5"],
        ["--learning-rate", "nan"],
        ["--px", "64x"],
        ["--px", "0"],
    ],
)
def test_a_number_out_of_range_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The message comes before anything is read: the option, the expected value, the given value."""
    with pytest.raises(SystemExit):
        train_generator.main(["images", "out", *arguments])
    error = capsys.readouterr().err
    assert f"argument {arguments[0]}: expected " in error
    assert f"got {arguments[1]!r}" in error


def test_defaults_are_those_of_the_trainings() -> None:
    """The parsers repeat the defaults, because the option classes load torch."""
    parser = PARSERS["train_generator"]
    options = AdversarialOptions()
    for name in ("learning_rate", "r1_gamma", "style_mixing", "noise", "path_length_weight"):
        assert parser.get_default(name) == getattr(options, name), name
    assert parser.get_default("ema_half_life_kimg") == options.ema_half_life_kimg
    for name in ("total_images", "batch", "learning_rate"):
        default = PARSERS["train_inverter"].get_default(name)
        assert default == getattr(encoder_options(), name), name


def test_the_options_of_a_family_exist() -> None:
    """The tables name options of the parser, the defaults of a diffusion training, and every family that trains."""
    names = vars(PARSERS["train_generator"].parse_args(["images", "out"]))
    assert ONE_FAMILY.keys() <= names.keys()
    for name, value in DIFFUSION_DEFAULTS.items():
        assert getattr(DiffusionTrainingOptions(), name) == value
    assert [row.name for row in GENERATOR_FAMILIES if row.is_trainable] == list(FAMILIES)


def test_a_line_has_images_speed_time_left_and_losses() -> None:
    """Losses are means since the previous line."""
    progress = TrainingProgress(1_000, 200)
    progress.step(300, {"generator": 1.0, "r1": 0.5})
    progress.step(400, {"generator": 2.0, "r1": 0.5})
    line = progress.line()
    assert line.startswith("training: 400 of 1,000 images (40.0%)  ")
    assert re.search(r"  [0-9.e+]+ images/s  [0-9:]+ left  generator 1\.5  r1 0\.5$", line)
    assert "generator" not in progress.line()


def test_the_third_step_prints_the_expected_time() -> None:
    """The first step is a warm-up; the speed of the next two gives the time of the rest."""
    lines: list[str] = []
    progress = TrainingProgress(1_000, 0, write=lines.append)
    for images_seen in (100, 200, 300, 400):
        progress.step(images_seen, {})
    assert len(lines) == 1
    assert re.match(r"expected time: about [0-9:]+ of training, at the .* images/s of 2 ", lines[0])


def test_lines_are_printed_without_a_step() -> None:
    """A step or a snapshot may take minutes: a thread prints the current work meanwhile."""
    lines: list[str] = []
    third = Event()

    def write(line: str) -> None:
        lines.append(line)
        if len(lines) == 3:
            third.set()

    with TrainingProgress(1_000, 0, write=write, seconds=0.01) as progress:
        progress.stage("writing a snapshot")
        assert third.wait(60)
    assert lines[2].startswith("writing a snapshot: 0 of 1,000 images (0.0%)  ")
    assert lines[2].endswith(" since the start")


def test_nothing_is_printed_after_the_end() -> None:
    """The thread ends with the block, and the last line reports the end."""
    lines: list[str] = []
    with TrainingProgress(8, 0, write=lines.append, seconds=60) as progress:
        progress.step(8, {"total": 1.0})
    assert len(lines) == 1
    assert lines[0].startswith("done: 8 of 8 images (100.0%)")
    assert not progress._thread.is_alive()


def test_auto_is_an_existing_device() -> None:
    """Any other name is not changed."""
    assert chosen_device("auto").type in {"cpu", "cuda"}
    assert chosen_device("cuda", 3).index == 3
    assert chosen_device("cpu").type == "cpu"


def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    """There is no traceback, because a person reads the message."""
    command = [
        sys.executable,
        "-m",
        "workers.training.train_generator",
        str(tmp_path),
        str(tmp_path / "out"),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: ")
    assert "expected PNG, JPEG or WebP images" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_an_interrupted_command_says_how_to_continue(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status after Ctrl+C is the shell's usual one."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    assert run_command(interrupted) == 130
    assert capsys.readouterr().err == "stopped; the same command resumes\n"
