"""The options `--soft-labels` and `--ignore-above` of batches, streams and labelings."""

import json
from pathlib import Path

import pytest

from handsoff_client import Batch, HandsOff, InvalidRequest
from handsoff_client.cli import tables
from handsoff_client.http.parsing import parse
from tests.client.conftest import Run, job
from tests.shards.ignored_pixels import files_of

OPTIONS = ("--soft-labels", "2", "--ignore-above", "0.25")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of one image."""
    (tmp_path / "photo.png").write_bytes(files_of(0, 255)["png"])
    return tmp_path


@pytest.mark.parametrize("command", ["batch", "stream", "label"])
def test_options_are_sent_and_shown(
    run: Run, finished_fit_id: str, photos: Path, command: str
) -> None:
    """The service returns them, and `show` prints them; without them it prints neither."""
    more = {"batch": ("-n", "3"), "stream": (), "label": (str(photos),)}[command]
    code, answer, _ = run("--json", command, finished_fit_id, *more, *OPTIONS)
    created = json.loads(answer)
    assert (code, created["soft_labels"], created["ignore_above"]) == (0, 2, 0.25)
    shown = run("show", created["id"])[1].split()
    assert shown[shown.index("soft_labels") + 1] == "2"
    assert shown[shown.index("ignore_above") + 1] == "0.25"
    _, plain, _ = run("--json", command, finished_fit_id, *more)
    assert "soft_labels" not in run("show", json.loads(plain)["id"])[1]


def test_the_share_of_ignored_pixels_is_shown() -> None:
    """It is that of all pixels of the batch; a batch that ignores none has no share."""
    classes = [{"name": "skin", "num_pixels": 60}, {"name": "hair", "num_pixels": 20}]
    metrics = {"classes": classes, "ignored_pixels": 20}
    batch = parse(Batch, job("batch", "succeeded", ignore_above=0.2, metrics=metrics))
    assert batch.ignored_share == 0.2
    assert "ignored_share  0.2" in tables.job(batch)
    none = parse(Batch, job("batch", "succeeded", metrics={"classes": classes}))
    assert none.ignored_share is None
    waiting = parse(Batch, job("batch", "queued", ignore_above=0.2))
    assert waiting.ignored_share is None


@pytest.mark.parametrize("words", [("--soft-labels", "0"), ("--soft-labels", "many")])
def test_a_number_of_classes_is_at_least_one(
    run: Run, finished_fit_id: str, words: tuple[str, str]
) -> None:
    """The command refuses other text before any request."""
    with pytest.raises(SystemExit):
        run("batch", finished_fit_id, "-n", "3", *words)


def test_more_classes_than_the_fit_has_are_an_error(
    handsoff: HandsOff, finished_fit_id: str
) -> None:
    """The error of the service has its own type, as for other invalid requests."""
    with pytest.raises(InvalidRequest, match="number of classes of the fit, got 4"):
        handsoff.batches.create(fit=finished_fit_id, n=1, soft_labels=4)
