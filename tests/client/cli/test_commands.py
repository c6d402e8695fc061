"""The command `handsoff` on the real app, over real HTTP; workers are played by the fixtures."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contracts.batches import BatchManifest
from handsoff_client import JobCancelled
from handsoff_client.cli.commands import main
from tests.app.uploading import pairs, png
from tests.client.conftest import Run, batch_folder

Finish = Callable[[str], BatchManifest]


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder of these files."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_the_command_line_goes_the_whole_road(
    run: Run,
    folder: Path,
    finish_fit: Callable[[str], None],
    finish_batch: Finish,
    tmp_path: Path,
) -> None:
    """Each step prints the id that the next one takes."""
    code, fit, told = run("fit", str(folder), "--generator", "tiny-32")
    assert code == 0
    assert told.startswith("uploaded 3 images as labelset_")
    finish_fit(fit.strip())
    _, batch, _ = run("batch", fit.strip(), "-n", "3", "--shard-size", "2")
    finish_batch(batch.strip())
    out = str(tmp_path / "out")
    code, _, told = run("download", batch.strip(), "--out", out)
    assert (code, told) == (0, f"3 samples in 2 shards in {out}\n")
    assert "background, skin, hair" in run("show", out)[1]
    assert "succeeded" in run("show", batch.strip())[1]
    assert run("wait", batch.strip())[0] == 0


def test_a_fit_takes_the_options_of_the_request(run: Run, folder: Path) -> None:
    """Each by its own argument or by its dotted name; the generator by name."""
    words = ["--option", "ensemble.steps=5", "--option", "inversion.steps=50"]
    code, answer, _ = run(
        "--json", "fit", str(folder), "--generator", "Tiny", "--framing", "center",
        "--tasks", "segmentation", "--inverter", "none", *words,
    )  # fmt: skip
    assert code == 0
    fit = json.loads(answer)
    options = fit["options"]
    assert (options["framing"], options["tasks"]) == ("center", ["segmentation"])
    assert (options["ensemble"]["steps"], options["inversion"]["steps"]) == (5, 50)
    assert (fit["generator"]["id"], fit["inverter_digest"]) == ("tiny-32", None)


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--framing", "centre"], "/options/framing"),
        (["--tasks", "colors"], "/options/tasks/0"),
        (["--option", "inversion.steps=0"], "/options/inversion/steps"),
        (["--option", "nonsense=1"], "/options/nonsense"),
        (["--inverter", "best"], "/inverter"),
    ],
)
def test_a_wrong_option_names_its_field(
    run: Run, labelset_id: str, words: list[str], field: str
) -> None:
    """In the service's words, in one line."""
    code, _, told = run("fit", labelset_id, "--generator", "tiny-32", *words)
    assert code == 1
    assert f"{field}:" in told
    assert told.count("\n") == 1


def test_a_fit_is_checked_before_its_images_are_uploaded(run: Run, tmp_path: Path) -> None:
    """No labelset is left of a fit that cannot be."""
    wide = written(tmp_path / "wide", pairs(2, (64, 48)))
    code, _, told = run("fit", str(wide), "--generator", "tiny-32")
    assert code == 1
    assert "images/image-0.png: The image is 64 x 48 px" in told
    code, _, told = run("fit", str(wide), "--generator", "tiny-23")
    assert "There is no generator 'tiny-23'. There is: tiny-32 (Tiny)." in told
    assert run("--json", "labelsets")[1] == ""


def test_a_check_keeps_nothing(run: Run, folder: Path) -> None:
    """It shows what a labelset would hold, and every flaw in a line of its own."""
    code, shown, told = run("check", str(folder), "--generator", "tiny-32")
    assert (code, told) == (0, "")
    assert shown.startswith("images  3\nlabels  segmentation 3\n\nCLASS")
    (folder / "images/image-1.png").write_bytes(b"no picture")
    (folder / "masks/image-0.png").unlink()
    code, _, told = run("check", str(folder))
    assert code == 1
    assert told.splitlines()[0].startswith("images/image-1.png: The file is not an image")
    assert told.splitlines()[-1] == f"handsoff: 2 flaws in '{folder}'. Nothing was kept."
    assert run("--json", "labelsets")[1] == ""


def test_a_check_shows_what_the_service_finds(run: Run, folder: Path) -> None:
    """What only it knows: a value that no class has."""
    (folder / "masks/image-1.png").write_bytes(png("L", (32, 32), 9))
    code, _, told = run("check", str(folder))
    assert code == 1
    assert told.startswith("masks/image-1.png: ")
    assert run("--json", "labelsets")[1] == ""


def test_a_local_check_needs_no_service(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files are counted; nothing is asked."""
    assert main(["--url", "http://127.0.0.1:1", "check", str(folder), "--local"]) == 0
    assert capsys.readouterr().out == "images  3\nmasks   3\n"
    assert main(["--url", "http://127.0.0.1:1", "check", str(folder)]) == 5


def test_a_preview_is_a_picture(run: Run, finished_fit_id: str, tmp_path: Path) -> None:
    """Of a batch on disk, without the service; of anything else, the command says what it takes."""
    batch = batch_folder(tmp_path / "batch", 3)
    out = str(tmp_path / "look.png")
    assert main(["--url", "http://127.0.0.1:1", "preview", str(batch.folder), "--out", out]) == 0
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    code, _, told = run("preview", "labelset_1")
    assert code == 1
    assert "Expected the id of a batch or a fit" in told
    code, _, told = run("preview", finished_fit_id, "--out", str(tmp_path / "fit.png"))
    assert code == 1  # the fixture's sheet is no picture
    assert "is not a PNG" in told


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """No service is asked."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"handsoff {version('handsoff-client')}\n"


def test_the_address_may_follow_the_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    """People write it last."""
    assert main(["fits", "--url", "http://127.0.0.1:1"]) == 5
    assert "http://127.0.0.1:1 does not answer" in capsys.readouterr().err


def test_lists_are_tables_or_json(run: Run) -> None:
    """For people, and line by line for programs."""
    assert run("fits")[1] == "ID  STATUS  GENERATOR  CREATED  NAME\n"
    _, lines, _ = run("--json", "generators")
    assert json.loads(lines)["id"] == "tiny-32"
    assert "tiny-32" in run("generators")[1]
    assert "32 x 32" in run("show", "tiny-32")[1]


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
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    said: str,
) -> None:
    """What came, what was expected, what to do; never a traceback."""
    monkeypatch.setattr("handsoff_client.http.retries.Retries.pause", lambda *_: None)
    ended, out, told = run(*words)
    assert (ended, out) == (code, "")
    assert told.startswith(said)
    assert told.count("\n") == 1


def test_a_cancelled_job_has_an_exit_code_of_its_own(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts tell it from a failure."""

    def wait(*_: Any, **__: Any) -> None:
        raise JobCancelled("fit_1 is cancelled.", job_id="fit_1", status="cancelled")

    monkeypatch.setattr("handsoff_client.api.fits.Fits.wait", wait)
    assert run("wait", "fit_1")[0] == 4


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
