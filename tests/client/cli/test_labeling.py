"""`handsoff label`, as far as it needs no worker: upload, messages, lists, and the report."""

import csv
from pathlib import Path

from handsoff_client.api.labelings import (
    LabelingReport,
    LabelledImage,
    PixelBox,
    UnreadableImage,
)
from handsoff_client.cli.label_commands import MAX_SHOWN, summary, table_of
from tests.app.uploading import png
from tests.client.conftest import Run


def report(count: int, num_unreadable: int = 0) -> LabelingReport:
    """Return a report of images with falling uncertainty."""
    images = tuple(
        LabelledImage(
            index=index,
            name=f"{index}.png",
            width_px=8,
            height_px=8,
            box=PixelBox(0, 0, 8, 8),
            score=1 / (index + 1),
            expressibility=0.4,
            is_expressible=False,
            psnr_db=20.0,
        )
        for index in range(count)
    )
    unreadable = tuple(
        UnreadableImage(index=count + index, name=f"bad-{index}.png", reason="no image")
        for index in range(num_unreadable)
    )
    return LabelingReport(images, unreadable)


def test_a_folder_is_uploaded(run: Run, finished_fit_id: str, tmp_path: Path) -> None:
    """The id is printed; files of another format are named; the list and `show` know the labeling."""
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.png").write_bytes(png("RGB", (8, 8)))
    (photos / "b.heic").write_bytes(b"a photograph")
    code, printed, messages = run("label", finished_fit_id, str(photos), "--aspect", "pad")
    assert code == 0, messages
    assert "1 files" in messages
    assert "left out, such as b.heic" in messages
    labeling = printed.strip()
    assert labeling in run("labelings")[1]
    shown = run("show", labeling)[1]
    assert "queued" in shown
    assert "photos" in shown
    assert run("cancel", labeling)[0] == 0


def test_an_empty_folder_is_refused(run: Run, finished_fit_id: str, tmp_path: Path) -> None:
    """One line says what to give."""
    code, _, message = run("label", finished_fit_id, str(tmp_path))
    assert code == 1
    assert "at least 1 images" in message


def test_the_summary_shows_the_most_uncertain_images() -> None:
    """And the reasons of images without labels, up to a limit."""
    text = summary(report(MAX_SHOWN + 5, MAX_SHOWN + 1))
    assert "most uncertain of 15 images" in text
    assert "1.000        0.40            0.png" in text
    assert "10.png" not in text
    assert "not labelled: bad-0.png: no image" in text
    assert "11 images are not labelled; report.csv has all reasons" in text


def test_the_table_has_every_image() -> None:
    """Most uncertain first; an image without labels has its reason instead of numbers."""
    rows = list(csv.DictReader(table_of(report(2, 1)).splitlines()))
    assert [row["name"] for row in rows] == ["0.png", "1.png", "bad-0.png"]
    assert (rows[0]["uncertainty"], rows[0]["is_expressible"]) == ("1.0", "no")
    assert (rows[2]["uncertainty"], rows[2]["problem"]) == ("", "no image")
