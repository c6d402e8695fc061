"""The client and its command line on the real app, over real HTTP; workers are played by the fixtures."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from structlog.testing import capture_logs

from contracts.batches import BatchManifest
from handsoff_client import (
    BatchSource,
    Gone,
    HandsOff,
    InvalidUpload,
    JobCancelled,
    NotFound,
    NotRendered,
    ShardCache,
    export,
)
from handsoff_client.commands import main
from tests.app.uploading import pairs
from tests.client.conftest import PX, batch_folder

Finish = Callable[[str], BatchManifest]


@pytest.fixture
def handsoff(client: httpx2.Client) -> Iterator[HandsOff]:
    """Our client of the app under test."""
    with HandsOff(str(client.base_url)) as handsoff:
        yield handsoff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three labelled images as files."""
    for name, data in pairs(3).items():
        path = tmp_path / "pairs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "pairs"


@pytest.fixture
def command(
    client: httpx2.Client, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs `handsoff` on the app: exit code, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        with capture_logs():  # the app logs to the same standard output
            code = main(["--url", str(client.base_url), *words])
        return code, *capsys.readouterr()

    return run


def test_a_folder_becomes_a_labelset(handsoff: HandsOff, folder: Path) -> None:
    """Uploaded, read back, listed, erased."""
    labelset = handsoff.labelsets.upload(folder)
    assert labelset.num_images == 3
    assert labelset.labels.classes == ("background", "skin", "hair")
    assert handsoff.labelsets.get(labelset.id) == labelset
    assert [found.id for found in handsoff.labelsets.list()] == [labelset.id]
    handsoff.labelsets.delete(labelset.id)
    with pytest.raises(Gone):
        handsoff.labelsets.get(labelset.id)


def test_a_broken_file_is_named(handsoff: HandsOff, folder: Path) -> None:
    """The service's own words, with the file."""
    (folder / "images/image-1.png").write_bytes(b"no picture")
    with pytest.raises(InvalidUpload) as caught:
        handsoff.labelsets.upload(folder)
    assert caught.value.flaws[0].file == "images/image-1.png"


def test_a_fit_is_made_waited_for_and_erased(
    handsoff: HandsOff, labelset_id: str, finish_fit: Callable[[str], None]
) -> None:
    """Typed all the way."""
    fit = handsoff.fits.create(generator="tiny-32", labelset=labelset_id, seed=3)
    finish_fit(fit.id)
    done = handsoff.fits.wait(fit.id)
    assert (done.status, done.seed, done.generator.id) == ("succeeded", 3, "tiny-32")
    assert done.sheet is not None
    assert [event.type for event in handsoff.fits.events(fit.id)][-1] == "completed"
    handsoff.fits.delete(fit.id)
    with pytest.raises(Gone):
        handsoff.fits.get(fit.id)


def test_a_cancel_is_heard(handsoff: HandsOff, fit_id: str) -> None:
    """The fit is stopping, or has stopped."""
    assert handsoff.fits.cancel(fit_id).status in ("cancelling", "cancelled")


def test_a_batch_is_downloaded_and_a_broken_download_goes_on(
    handsoff: HandsOff, finished_fit_id: str, finish_batch: Finish, tmp_path: Path
) -> None:
    """Shards as the service pins them; those that are there are not fetched again."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=5, shard_size=2, drop_share=0.1)
    with pytest.raises(NotRendered):
        handsoff.batches.shards(batch.id)
    finish_batch(batch.id)
    shards = handsoff.batches.shards(batch.id)
    kept = handsoff.batches.fetch(batch.id, shards[0], tmp_path / "shard-000000.tar")
    before = kept.stat().st_mtime_ns
    told: list[tuple[int, int]] = []
    folder = handsoff.batches.download(batch.id, tmp_path, watch=lambda *done: told.append(done))
    assert kept.stat().st_mtime_ns == before
    assert told == [(1, 3), (2, 3), (3, 3)]
    for shard in shards:
        digest = hashlib.sha256(folder.path_of(shard.index).read_bytes()).hexdigest()
        assert digest == shard.sha256
    assert folder.batch == handsoff.batches.get(batch.id)


def test_a_source_keeps_shards_in_the_cache(
    handsoff: HandsOff, finished_fit_id: str, finish_batch: Finish, tmp_path: Path
) -> None:
    """Under their digests, from links of its own."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=3, shard_size=2)
    manifest = finish_batch(batch.id)
    source = BatchSource(handsoff.url, batch.id, cache=ShardCache(tmp_path))
    assert source.sizes == (2, 1)
    assert source.labels.classes == ("background", "skin", "hair")
    assert source.path(1).stem == manifest.shards[1].tar.sha256


def test_an_exported_folder_can_be_uploaded(handsoff: HandsOff, tmp_path: Path) -> None:
    """Generated samples may be corrected by hand and come back: every label is taken as it was written."""
    batch = batch_folder(tmp_path / "batch", 2, mask=np.eye(PX, dtype=np.uint8))
    labelset = handsoff.labelsets.upload(export(batch, "folder", tmp_path / "pairs"))
    assert labelset.num_images == 2
    assert labelset.json["tasks"] == {"segmentation": 2, "keypoints": 2, "depth": 2}


def test_an_export_for_coco_can_be_uploaded(handsoff: HandsOff, tmp_path: Path) -> None:
    """What pycocotools reads, the service reads: regions, keypoints, skeleton."""
    batch = batch_folder(tmp_path / "batch", 2, mask=np.eye(PX, dtype=np.uint8))
    labelset = handsoff.labelsets.upload(export(batch, "coco", tmp_path / "pairs"))
    counts = {count.name: count.num_pixels for count in labelset.classes}
    assert counts["skin"] == 2 * PX
    assert labelset.labels.keypoints is not None
    assert labelset.labels.keypoints.skeleton == (("left", "right"),)


def test_what_is_not_there_is_told(handsoff: HandsOff) -> None:
    """In the service's words."""
    with pytest.raises(NotFound, match="GET /v1/fits lists"):
        handsoff.fits.get("fit_" + "0" * 32)


def test_the_command_line_goes_the_whole_road(
    command: Callable[..., tuple[int, str, str]],
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


def test_lists_are_tables_or_json(command: Callable[..., tuple[int, str, str]]) -> None:
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
    command: Callable[..., tuple[int, str, str]],
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
    command: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
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
        ("show", "Show how something stands, or what a folder holds."),
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
