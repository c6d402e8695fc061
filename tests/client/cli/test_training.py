"""`handsoff train` and `handsoff stop` with the real app, and the news of a running training."""

import json
from pathlib import Path
from typing import Any

import pytest

from handsoff_client.api.resources import Generator
from handsoff_client.cli.argument_types import image_px
from handsoff_client.cli.training_news import TrainingNews
from handsoff_client.http.parsing import parse
from tests.app.uploading import png
from tests.client.conftest import Run


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Write a folder of ten images and a text file."""
    folder = tmp_path / "faces"
    (folder / "more").mkdir(parents=True)
    for number in range(10):
        (folder / "more" / f"{number}.png").write_bytes(png("RGB", (8, 8)))
    (folder / "notes.txt").write_text("no image")
    return folder


def test_a_folder_is_uploaded_and_its_training_queued(run: Run, images: Path) -> None:
    """The name of the folder is the generator's name; only given options are sent."""
    code, generator, message = run("train", str(images), "--px", "64x32", "--images", "5000")
    assert code == 0, message
    shown = json.loads(run("--json", "show", generator.strip())[1])
    options = shown["training"]["options"]
    assert (shown["name"], shown["status"], options["px"]) == ("faces", "queued", [64, 32])
    assert (options["images"], options["hours"], options["fit"]) == (5_000, None, "crop")


def test_a_training_is_stopped(run: Run, images: Path) -> None:
    """The message says what becomes the generator; an import is refused."""
    generator = run("train", str(images))[1].strip()
    code, text, _ = run("stop", generator)
    assert code == 0
    assert "its best snapshot becomes the generator" in text
    code, _, message = run("stop", "tiny-32")
    assert code == 1
    assert "which is imported" in message


def test_a_missing_worker_is_reported(run: Run, images: Path) -> None:
    """The job is queued all the same."""
    code, _, message = run("train", str(images))
    assert code == 0
    assert "no worker trains at the moment" in message


@pytest.mark.parametrize(
    ("option", "message"),
    [("pixels=64", "Expected an option of family, px"), ("hours=1", "'hours' is given twice")],
)
def test_wrong_options_are_refused_before_the_upload(
    run: Run, images: Path, option: str, message: str
) -> None:
    """A name that the service does not have, and an option that is given twice."""
    code, _, text = run("train", str(images), "--hours", "2", "--option", option)
    assert code == 1
    assert message in text


def test_few_images_are_refused_before_the_upload(run: Run, images: Path) -> None:
    """The message names the folder, the number and a useful number."""
    (images / "more" / "0.png").unlink()
    code, _, message = run("train", str(images))
    assert code == 1
    assert "Expected at least 10 images in" in message
    assert "got 9" in message


@pytest.mark.parametrize("name", ["missing", "notes.txt"])
def test_other_paths_are_refused(run: Run, images: Path, name: str) -> None:
    """The message says what to give."""
    code, _, message = run("train", str(images / name))
    assert code == 1
    assert "a folder, zip or tar of PNG, JPEG or WebP images" in message


def test_two_budgets_are_refused(run: Run, images: Path) -> None:
    """Argparse names both options."""
    with pytest.raises(SystemExit):
        run("train", str(images), "--hours", "1", "--images", "5")


@pytest.mark.parametrize(("text", "value"), [("64", 64), ("64x32", [64, 32])])
def test_a_size_is_one_side_or_two(text: str, value: object) -> None:
    """Height comes first."""
    assert image_px(text) == value


def running(**training: Any) -> Generator:
    """Return a generator in training."""
    fields = {
        "id": "generator_1",
        "kind": "generator",
        "status": "running",
        "created_at": "2026-01-01T00:00:00Z",
        "name": "faces",
        "source": "",
        "license": "",
    }
    return parse(Generator, {**fields, "training": training})


def test_news_are_written_once() -> None:
    """Facts, warnings, the expected time, and each snapshot with its distance."""
    lines: list[str] = []
    news = TrainingNews(lines.append)
    facts = {"facts": ["12 images"], "warnings": ["12 images are few"]}
    sheet = {"url": "http://x/1.png", "expires_at": "2026-01-01T00:00:00Z"}
    first = {"images_seen": 100, "fd": 0.5, "sheet": sheet}
    news.show(running(**facts))
    news.show(running(**facts, expected_seconds=7_200.4))
    news.show(running(**facts, expected_seconds=7_200.4, snapshots=[first], best_images_seen=100))
    assert lines == [
        "12 images",
        "warning: 12 images are few",
        "expected time: 2:00:00, from measured steps",
        "after 100 images: distance 0.5000 (best)",
    ]
