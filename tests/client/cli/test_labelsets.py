"""`handsoff labelset`: dry run, folder, upload, errors, and the help of every converter."""

import json
import zipfile
from pathlib import Path

import pytest

from handsoff_client.cli.commands import main
from handsoff_client.cli.labelsets.arguments import SOURCES
from handsoff_client.converters.converting import CONVERTERS
from tests.client.conftest import Run
from tests.client.converters.conftest import save_image
from tests.client.converters.formats import test_cvat

LEFT = "0 0 0.5 0 0.5 1 0.25 1 0 1"


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """A data set of two images of 32 x 32; the left half of the first one is a cat, the second one is empty."""
    folder = tmp_path / "pets"
    for name, lines in (("a", f"0 {LEFT}\n"), ("b", "")):
        save_image(folder / "train" / "images" / f"{name}.png", (32, 32))
        (folder / "train" / "labels").mkdir(exist_ok=True)
        (folder / "train" / "labels" / f"{name}.txt").write_text(lines)
    (folder / "data.yaml").write_text("names: [cat]\n")
    return folder


def test_a_dry_run_needs_no_service(yolo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints images, classes with their share of the pixels, and notes. Nothing is written."""
    before = sorted(yolo.parent.rglob("*"))
    words = ["--url", "http://127.0.0.1:9", "labelset", "from-yolo", str(yolo), "--dry-run"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == ("would upload YOLO segmentation: 2 images; 2 with a mask; splits: train 2")
    assert [line.split() for line in lines[2:4]] == [
        ["background", "2", "75.00%"],
        ["cat", "1", "25.00%"],
    ]
    assert lines[4].startswith("note: YOLO does not say which object is in front")
    assert sorted(yolo.parent.rglob("*")) == before


def test_a_dry_run_as_json(yolo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same facts for programs."""
    assert main(["--json", "labelset", "from-yolo", str(yolo), "--dry-run"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["classes"][1] == {"name": "cat", "num_images": 1, "pixel_share": 0.25}
    assert facts["splits"] == {"train": 2}


def test_labels_are_uploaded(run: Run, yolo: Path) -> None:
    """The service accepts the converted labels, and returns the labelset with its name and classes."""
    code, printed, messages = run("labelset", "from-yolo", str(yolo), "--name", "my pets")
    assert code == 0, messages
    assert "my pets" in printed
    assert "cat" in printed
    assert "note: YOLO does not say" in messages


def test_colors_ignored_pixels_and_keypoints_are_uploaded(run: Run, tmp_path: Path) -> None:
    """The service reads the palette, 255 and the points as the converter wrote them."""
    polygons = (
        test_cvat.polygon("cat", "0,0;4,0;4,6;0,6")
        + test_cvat.polygon("dog", "0,0;8,0;8,1;0,1", 1)
        + '<skeleton label="face"><points label="left" outside="0" occluded="1" points="2.5,3"/></skeleton>'
    )
    (tmp_path / "annotations.xml").write_text(test_cvat.xml(polygons))
    save_image(tmp_path / "a.png")
    words = ("labelset", "from-cvat", str(tmp_path), "--ignore-label", "dog")
    code, printed, messages = run("--json", *words)
    assert code == 0, messages
    created = json.loads(printed)
    counted = {one["name"]: one["num_pixels"] for one in created["classes"]}
    assert counted == {"background": 20, "cat": 20}
    assert created["ignored_pixels"] == 8
    assert created["labels"]["colors"] == [[0, 0, 0], [255, 0, 0]]
    assert created["labels"]["keypoints"]["names"] == ["left", "right"]


def test_a_zip_is_written_as_a_folder(yolo: Path, tmp_path: Path, run: Run) -> None:
    """`--out` writes what would be uploaded; `handsoff check` accepts it."""
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for path in yolo.rglob("*"):
            archive.write(path, path.relative_to(yolo))
    out = tmp_path / "out"
    code, printed, messages = run(
        "labelset", "from-yolo", str(tmp_path / "export.zip"), "--out", str(out)
    )
    assert (code, printed.strip()) == (0, str(out)), messages
    assert json.loads((out / "labelset.json").read_text())["name"] == "export"
    assert run("check", str(out))[0] == 0
    code, _, messages = run("labelset", "from-yolo", str(yolo), "--out", str(out))
    assert (code, "is not empty" in messages) == (1, True)


def test_every_wrong_image_is_named(yolo: Path, run: Run) -> None:
    """One line for each flaw; nothing is uploaded."""
    for name in "ab":
        (yolo / "train" / "labels" / f"{name}.txt").write_text("5 0 0 1 0 1 1\n")
    code, printed, messages = run("labelset", "from-yolo", str(yolo))
    assert (code, printed) == (1, "")
    for name in "ab":
        assert f"train/labels/{name}.txt: line 1: expected a class of data.yaml" in messages
    assert "2 images of" in messages
    assert run("labelsets")[1].count("labelset_") == 0


def test_an_export_without_labels_is_refused(run: Run, tmp_path: Path) -> None:
    """The notes say why no image is left."""
    save_image(tmp_path / "a.png")
    text = (
        "<annotations><meta><task><labels><label><name>cat</name></label></labels></task></meta>"
        '<image name="a.png" width="8" height="6"/></annotations>'
    )
    (tmp_path / "annotations.xml").write_text(text)
    code, _, messages = run("labelset", "from-cvat", str(tmp_path))
    assert code == 1
    assert "has no labelled image (images without labels are left out" in messages


@pytest.mark.parametrize("source", ["", *SOURCES])
def test_help(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every converter has a help with its options."""
    with pytest.raises(SystemExit) as end:
        main(["labelset", *filter(None, [source]), "--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert ("--dry-run" in printed) == bool(source)


def test_every_converter_has_a_command() -> None:
    """The table of functions and that of the help have the same names."""
    assert list(CONVERTERS) == list(SOURCES)
