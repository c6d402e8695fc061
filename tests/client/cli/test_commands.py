"""The command `handsoff` with the real app over real HTTP. Fixtures act as workers."""

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
    """Write files to a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_the_command_line_covers_all_steps(
    run: Run,
    folder: Path,
    finish_fit: Callable[[str], None],
    finish_batch: Finish,
    tmp_path: Path,
) -> None:
    """Each step prints the id for the next one."""
    code, fit, message = run("fit", str(folder), "--generator", "tiny-32")
    assert code == 0
    assert message.startswith("uploaded 3 images as labelset_")
    finish_fit(fit.strip())
    _, batch, _ = run("batch", fit.strip(), "-n", "3", "--shard-size", "2")
    finish_batch(batch.strip())
    out = str(tmp_path / "out")
    code, _, message = run("download", batch.strip(), "--out", out)
    assert (code, message) == (0, f"3 samples in 2 shards in {out}\n")
    assert "background, skin, hair" in run("show", out)[1]
    assert "succeeded" in run("show", batch.strip())[1]
    assert run("wait", batch.strip())[0] == 0


def test_a_fit_accepts_all_options_of_the_request(run: Run, folder: Path) -> None:
    """An option has its own argument or a dotted name. The generator is given by name."""
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
def test_an_invalid_option_names_its_field(
    run: Run, labelset_id: str, words: list[str], field: str
) -> None:
    """The message of the service is one line."""
    code, _, message = run("fit", labelset_id, "--generator", "tiny-32", *words)
    assert code == 1
    assert f"{field}:" in message
    assert message.count("\n") == 1


def test_a_fit_is_checked_before_its_images_are_uploaded(run: Run, tmp_path: Path) -> None:
    """No labelset is stored for a fit that would fail."""
    wide = written(tmp_path / "wide", pairs(2, (64, 48)))
    code, _, message = run("fit", str(wide), "--generator", "tiny-32")
    assert code == 1
    assert "images/image-0.png: Expected the aspect ratio 32 x 32" in message
    code, _, message = run("fit", str(wide), "--generator", "tiny-23")
    assert "There is no generator 'tiny-23'. Available: tiny-32 (Tiny)." in message
    assert run("--json", "labelsets")[1] == ""


@pytest.mark.parametrize("name", ["nonsense", "ensemble.stesp"])
def test_an_unknown_option_is_refused_before_the_upload(run: Run, folder: Path, name: str) -> None:
    """The message lists the options."""
    words = ["--generator", "tiny-32", "--option", f"{name}=1"]
    code, _, message = run("fit", str(folder), *words)
    assert code == 1
    assert f"got '{name}'. Nothing was uploaded." in message
    assert run("--json", "labelsets")[1] == ""


def test_a_check_stores_nothing(run: Run, folder: Path) -> None:
    """It prints the counts of the labelset, and every flaw on its own line."""
    code, out, message = run("check", str(folder), "--generator", "tiny-32")
    assert (code, message) == (0, "")
    assert out.startswith("images  3\nlabels  segmentation 3\n\nCLASS")
    (folder / "images/image-1.png").write_bytes(b"no picture")
    (folder / "masks/image-0.png").unlink()
    code, _, message = run("check", str(folder))
    assert code == 1
    assert message.splitlines()[0].startswith("images/image-1.png: The file is not an image")
    assert message.splitlines()[-1] == f"handsoff: 2 flaws in '{folder}'. Nothing was stored."
    assert run("--json", "labelsets")[1] == ""


def test_a_check_prints_the_flaws_of_the_service(run: Run, folder: Path) -> None:
    """Only the service finds a value without a class."""
    (folder / "masks/image-1.png").write_bytes(png("L", (32, 32), 9))
    code, _, message = run("check", str(folder))
    assert code == 1
    assert message.startswith("masks/image-1.png: ")
    assert run("--json", "labelsets")[1] == ""


def test_a_local_check_needs_no_service(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It counts files and sends no request."""
    assert main(["--url", "http://127.0.0.1:1", "check", str(folder), "--local"]) == 0
    assert capsys.readouterr().out == "images  3\nmasks   3\n"
    assert main(["--url", "http://127.0.0.1:1", "check", str(folder)]) == 5


def test_a_preview_is_a_picture(run: Run, finished_fit_id: str, tmp_path: Path) -> None:
    """A downloaded batch needs no service. For other ids, the message names the expected ones."""
    batch = batch_folder(tmp_path / "batch", 3)
    out = str(tmp_path / "look.png")
    assert main(["--url", "http://127.0.0.1:1", "preview", str(batch.folder), "--out", out]) == 0
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    code, _, message = run("preview", "labelset_1")
    assert code == 1
    assert "Expected the id of a batch, labeling, fit or generator" in message
    code, _, message = run("preview", finished_fit_id, "--out", str(tmp_path / "fit.png"))
    assert code == 1  # the sheet of the fixture is not a PNG
    assert "Expected a PNG" in message


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """It needs no service."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"handsoff {version('handsoff-client')}\n"


def test_the_address_may_follow_the_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    """Users often write it last."""
    assert main(["fits", "--url", "http://127.0.0.1:1"]) == 5
    assert "http://127.0.0.1:1 does not answer" in capsys.readouterr().err


def test_lists_are_tables_or_json(run: Run) -> None:
    """Users read the table, programs read JSON line by line."""
    assert run("fits")[1] == "ID  STATUS  GENERATOR  CREATED  NAME\n"
    _, lines, _ = run("--json", "generators")
    assert json.loads(lines)["id"] == "tiny-32"
    assert "tiny-32" in run("generators")[1]
    assert "32 x 32" in run("show", "tiny-32")[1]


@pytest.mark.parametrize(
    ("words", "code", "beginning"),
    [
        (["show", "fit_" + "0" * 32], 1, "handsoff: The fit"),
        (["fit", "/nowhere", "--generator", "tiny-32"], 1, "handsoff: '/nowhere' does not exist."),
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
    beginning: str,
) -> None:
    """The line states the expectation and the next step. There is never a traceback."""
    monkeypatch.setattr("handsoff_client.http.retries.Attempts.pause", lambda *_: None)
    ended, out, message = run(*words)
    assert (ended, out) == (code, "")
    assert message.startswith(beginning)
    assert message.count("\n") == 1


def test_a_cancelled_job_has_its_own_exit_code(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts can distinguish it from a failure."""

    def wait(*_: Any, **__: Any) -> None:
        raise JobCancelled("fit_1 is cancelled.", job_id="fit_1", status="cancelled")

    monkeypatch.setattr("handsoff_client.api.fits.Fits.wait", wait)
    assert run("wait", "fit_1")[0] == 4


@pytest.mark.parametrize("words", [[], ["fit"], ["batch", "fit_1", "-n", "0"], ["--nonsense"]])
def test_an_invalid_command_line_exits_with_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the usage."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: handsoff" in capsys.readouterr().err


def test_the_help_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    """It has examples and exit codes, and no line is too long for a terminal."""
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "handsoff fit ./pairs --generator portraits-64 --wait" in text
    assert "  3  the job failed" in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fit", "Upload labelled images and fit a label generator to them."),
        ("stream", "Create an endless stream of labelled images, or download shards of a stream."),
        ("show", "Show the state of a resource, or a downloaded batch."),
    ],
)
def test_a_subcommand_says_what_it_does(
    capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    """Its help begins with a description."""
    with pytest.raises(SystemExit):
        main([name, "--help"])
    usage, description, *_ = capsys.readouterr().out.split("\n\n")
    assert usage.startswith(f"usage: handsoff {name} [-h]")
    assert description == text
