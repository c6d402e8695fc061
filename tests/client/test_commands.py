"""The command `handsoff` on the real app, over real HTTP; workers are played by the fixtures."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.batches import BatchManifest
from handsoff_client import JobCancelled
from handsoff_client.commands import main
from tests.client.conftest import Run

Finish = Callable[[str], BatchManifest]


def test_the_command_line_goes_the_whole_road(
    command: Run,
    folder: Path,
    finish_fit: Callable[[str], None],
    finish_batch: Finish,
    tmp_path: Path,
) -> None:
    """Each step prints the id that the next one takes."""
    code, fit, told = command("fit", str(folder), "--generator", "tiny-32")
    assert code == 0
    assert told.startswith("uploaded 3 images as labelset_")
    finish_fit(fit.strip())
    _, batch, _ = command("batch", fit.strip(), "-n", "3", "--shard-size", "2")
    finish_batch(batch.strip())
    out = str(tmp_path / "out")
    code, _, told = command("download", batch.strip(), "--out", out)
    assert (code, told) == (0, f"3 samples in 2 shards in {out}\n")
    assert "background, skin, hair" in command("show", out)[1]
    assert "succeeded" in command("show", batch.strip())[1]
    assert command("wait", batch.strip())[0] == 0


def test_lists_are_tables_or_json(command: Run) -> None:
    """For people, and line by line for programs."""
    assert command("fits")[1] == "ID  STATUS  GENERATOR  CREATED  NAME\n"
    _, lines, _ = command("--json", "generators")
    assert json.loads(lines)["id"] == "tiny-32"
    assert "tiny-32" in command("generators")[1]
    assert "32 x 32" in command("show", "tiny-32")[1]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "fit_" + "0" * 32], 1, "handsoff: There is no fit"),
        (["fit", "/nowhere", "--generator", "tiny-32"], 1, "handsoff: There is no '/nowhere'."),
        (
            ["--url", "http://127.0.0.1:1", "fits"],
            5,
            "handsoff: http://127.0.0.1:1 does not answer",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    command: Run,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    said: str,
) -> None:
    """What came, what was expected, what to do; never a traceback."""
    monkeypatch.setattr("handsoff_client.retries.Retries.pause", lambda *_: None)
    ended, out, told = command(*words)
    assert (ended, out) == (code, "")
    assert told.startswith(said)
    assert told.count("\n") == 1


def test_a_cancelled_job_has_an_exit_code_of_its_own(
    command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts tell it from a failure."""

    def wait(*_: Any, **__: Any) -> None:
        raise JobCancelled("fit_1 is cancelled.", job_id="fit_1", status="cancelled")

    monkeypatch.setattr("handsoff_client.fits.Fits.wait", wait)
    assert command("wait", "fit_1")[0] == 4


@pytest.mark.parametrize("words", [[], ["fit"], ["batch", "fit_1", "-n", "0"], ["--nonsense"]])
def test_a_wrong_command_line_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the usage."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: handsoff" in capsys.readouterr().err


def test_help_reads_well(capsys: pytest.CaptureFixture[str]) -> None:
    """Every subcommand with a line of its own, the exit codes, and no line that a terminal breaks."""
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "handsoff fit ./pairs --generator portraits-64 --wait" in text
    assert "  3  the job failed" in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("fit", "Upload labelled images and fit a label generator to them."),
        ("stream", "Make a stream of labelled images without an end, or fetch shards of one."),
        ("show", "Show the state of something, or what a folder holds."),
    ],
)
def test_a_subcommand_says_what_it_does(
    capsys: pytest.CaptureFixture[str], name: str, what: str
) -> None:
    """Its own help begins with it, and explains every argument."""
    with pytest.raises(SystemExit):
        main([name, "--help"])
    usage, description, *_ = capsys.readouterr().out.split("\n\n")
    assert usage.startswith(f"usage: handsoff {name} [-h]")
    assert description == what
