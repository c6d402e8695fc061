"""Damaged exports: every change of a value gives a result or an error with a message, never another exception."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from handsoff_client.converters.conversion import Choices
from handsoff_client.converters.converting import convert
from handsoff_client.converters.folders import write
from handsoff_shards.errors import InvalidInput
from tests.client.converters.bits import pack
from tests.client.converters.conftest import save_image
from tests.client.converters.formats import test_coco, test_cvat, test_labelstudio

VALUES: tuple[Any, ...] = (None, "x", -1, 1e300, 0, [], {}, [[]], True, "1e999", [None], 2**70)
SEEDS = range(150)


def changed(value: Any, rng: random.Random) -> Any:
    """Return JSON with one value replaced, somewhere inside."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        return value | {key: changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        return [*value[:place], changed(value[place], rng), *value[place + 1 :]]
    return rng.choice(VALUES)


def attempt(source: str, folder: Path) -> bool:
    """Convert an export; return whether it was refused."""
    try:
        return bool(write(convert(source, folder, Choices()), "name", None).flaws)
    except InvalidInput:
        return True


def test_changed_json_of_label_studio(tmp_path: Path) -> None:
    """Polygon, brush and keypoint."""
    tasks = [
        test_labelstudio.task(
            test_labelstudio.result("polygon", ["hair"], points=test_labelstudio.LEFT),
            test_labelstudio.result("brush", ["eye"], "r2", rle=pack([0] * 192)),
            test_labelstudio.result("keypoint", ["nose"], "r3", x=50, y=50),
        )
    ]
    save_image(tmp_path / "a.png")
    (tmp_path / "p.json").write_text(json.dumps(tasks))
    assert not attempt("from-labelstudio", tmp_path)
    refused = 0
    for seed in SEEDS:
        (tmp_path / "p.json").write_text(json.dumps(changed(tasks, random.Random(seed))))
        refused += attempt("from-labelstudio", tmp_path)
    assert refused > len(SEEDS) / 3


def test_changed_coco(tmp_path: Path) -> None:
    """A polygon, run lengths and keypoints."""
    runs = {"size": [6, 8], "counts": [10, 4, 34]}
    content = json.loads(test_coco.coco({"segmentation": [test_coco.LEFT]}, {"segmentation": runs}))
    save_image(tmp_path / "a.png")
    file = tmp_path / "_annotations.coco.json"
    file.write_text(json.dumps(content))
    assert not attempt("from-roboflow", tmp_path)
    refused = 0
    for seed in SEEDS:
        file.write_text(json.dumps(changed(content, random.Random(seed))))
        refused += attempt("from-roboflow", tmp_path)
    assert refused > len(SEEDS) / 3


@pytest.mark.parametrize(
    "old", ["0,0;4,0;4,6;0,6", "8", "6", "cat", "1, 2, 2, 1", "z_order", "polygon", "2"]
)
@pytest.mark.parametrize("new", ["", "x", "-1", "1e999", "nan", "99999999999999999999"])
def test_changed_xml_of_cvat(tmp_path: Path, old: str, new: str) -> None:
    """Points, sizes, names, run lengths, attributes and elements."""
    mask = '<mask label="dog" rle="1, 2, 2, 1" left="2" top="1" width="3" height="2" z_order="0"/>'
    text = test_cvat.xml(test_cvat.polygon("cat", test_cvat.LEFT) + mask)
    save_image(tmp_path / "a.png")
    (tmp_path / "annotations.xml").write_text(text.replace(old, new))
    attempt("from-cvat", tmp_path)
    (tmp_path / "annotations.xml").write_text(text)
    assert not attempt("from-cvat", tmp_path)
