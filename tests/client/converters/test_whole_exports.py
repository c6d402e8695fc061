"""Whole exports of each tool: the same mask comes out of all, the notes list omissions, damage is located."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handsoff_client.cli.commands import main
from tests.client.converters.whole_exports import ROWS, WRITERS

OPTIONS = {"from-voc": ["--classes", "background,cat,dog"]}
NOTES = {
    "from-cvat": ["attributes of objects are not used", "images without labels are left out"],
    "from-labelstudio": [
        "classes are in alphabetical order",
        "tasks without an annotation are left out",
    ],
    "from-voc": ["images that ImageSets/ does not list are left out (b.png)"],
    "from-yolo": ["smaller ones are drawn over larger ones"],
    "from-roboflow": ["images without annotations count as background (b_png"],
}
DAMAGE = {
    "unknown label in CVAT": (
        "from-cvat",
        'label="dog" source',
        'label="hound" source',
        "label 'hound' is not declared",
    ),
    "run lengths in CVAT": (
        "from-cvat",
        'rle="0, 18"',
        'rle="0, 17"',
        "expected runs that add up to 3 x 6",
    ),
    "two labels in Label Studio": (
        "from-labelstudio",
        '["cat"]',
        '["cat", "dog"]',
        "(task 3), result Dx_aB91ISN: expected one label, got cat, dog",
    ),
    "open polygon in Label Studio": (
        "from-labelstudio",
        '"closed": true',
        '"closed": false',
        "result Dx_aB91ISN: the polygon is not closed",
    ),
    "no mask in VOC": ("from-voc", "a\n", "a\nb\n", "ImageSets/ lists 'b'"),
    "boxes instead of shares in YOLO": (
        "from-yolo",
        "0 0 0 0.5 0 0.5 1 0.25 1 0 1",
        "0 1 3 2 6",
        "train/a.txt: line 1",
    ),
    "unknown class in YOLO": (
        "from-yolo",
        "1 0.5 0",
        "2 0.5 0",
        "line 2: expected a class of data.yaml (0, 1), got 2",
    ),
    "boxes in Roboflow": (
        "from-roboflow",
        '"segmentation": [[0, 0',
        '"old": [[0, 0',
        "annotation 0: the object has a box",
    ),
    "no category in Roboflow": (
        "from-roboflow",
        '"category_id": 2',
        '"category_id": 7',
        "annotation 1 refers to image 0",
    ),
}


def run(source: str, folder: Path, *words: str) -> int:
    """Run a converter on an export."""
    return main(["--json", "labelset", source, str(folder), *OPTIONS.get(source, []), *words])


@pytest.mark.parametrize("source", WRITERS)
def test_the_export_becomes_the_mask(source: str, tmp_path: Path) -> None:
    """Polygons, run lengths, brushes and palettes have the same pixels."""
    folder = WRITERS[source](tmp_path / "pets")
    assert run(source, folder, "--out", str(tmp_path / "out")) == 0
    schema = json.loads((tmp_path / "out" / "labelset.json").read_text())
    assert schema["classes"] == ["background", "cat", "dog"]
    (mask,) = (one for one in (tmp_path / "out" / "masks").iterdir() if one.name.startswith("a"))
    assert np.asarray(Image.open(mask)).tolist() == ROWS


@pytest.mark.parametrize("source", WRITERS)
def test_notes_say_what_is_not_used(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Images without labels, attributes, the order of classes and objects."""
    assert run(source, WRITERS[source](tmp_path / "pets"), "--dry-run") == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert not [note for note in NOTES[source] if note not in "\n".join(facts["notes"])]


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_located(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message has the file, the line or object, and the flaw. Nothing is written."""
    source, before, after, message = DAMAGE[name]
    folder = WRITERS[source](tmp_path / "pets")
    texts = [one for one in folder.rglob("*") if one.suffix in (".xml", ".json", ".txt")]
    damaged = [one for one in texts if before in one.read_text()]
    for one in damaged:
        one.write_text(one.read_text().replace(before, after, 1))
    assert damaged
    assert run(source, folder, "--out", str(tmp_path / "out")) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_mask_with_an_unnamed_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """VOC masks have numbers only; a class that the list lacks is an error with its place."""
    folder = WRITERS["from-voc"](tmp_path / "pets")
    assert (
        main(["labelset", "from-voc", str(folder), "--classes", "background,cat", "--dry-run"]) == 1
    )
    assert "SegmentationClass/a.png" in (message := capsys.readouterr().err)
    assert "got 2 at column 4, row 0" in message
