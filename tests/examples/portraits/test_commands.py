"""The command line writes the folders that it promises."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.portraits.__main__ import main
from examples.portraits.classes import CLASS_NAMES


def files(folder: Path) -> list[str]:
    """Everything in it, relative and sorted."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_images_writes_pngs_by_seed_and_index(tmp_path: Path) -> None:
    """`--start` continues a folder without rewriting what is there."""
    assert main(["images", str(tmp_path), "--count", "2"]) == 0
    assert main(["images", str(tmp_path), "--count", "1", "--start", "2"]) == 0
    assert files(tmp_path) == [f"portrait-1000-00000{index}.png" for index in range(3)]
    assert np.asarray(Image.open(tmp_path / "portrait-1000-000000.png")).shape == (64, 64, 3)


def test_labelset_writes_what_the_service_takes(tmp_path: Path) -> None:
    """Images and masks of the same names, and the classes; nothing else."""
    assert main(["labelset", str(tmp_path), "--count", "4"]) == 0
    names = files(tmp_path)
    assert names.pop(4) == "labelset.json"
    assert [n.removeprefix("images/") for n in names[:4]] == [
        n.removeprefix("masks/") for n in names[4:]
    ]
    schema = json.loads((tmp_path / "labelset.json").read_text())
    assert schema == {
        "name": "portraits-labelled-4-0",
        "classes": list(CLASS_NAMES),
        "ignore_index": 255,
    }


def test_heldout_portraits_are_others(tmp_path: Path) -> None:
    """`--heldout` draws from seeds of its own."""
    main(["labelset", str(tmp_path / "labelled"), "--count", "4"])
    main(["labelset", str(tmp_path / "heldout"), "--count", "4", "--heldout"])
    assert not set(files(tmp_path / "labelled" / "images")) & set(
        files(tmp_path / "heldout" / "images")
    )


def test_sheet_shows_images_above_their_masks(tmp_path: Path) -> None:
    """Three portraits, two in a row, make two rows of pairs; the gap stays white."""
    path = tmp_path / "sheet.png"
    assert main(["sheet", str(path), "--count", "3", "--columns", "2", "--zoom", "1"]) == 0
    sheet = np.asarray(Image.open(path))
    assert sheet.shape == (4 * 64, 2 * 64, 3)
    assert (sheet[128:, 64:] == 255).all()


def test_a_wrong_value_ends_with_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what came and what was expected, and nothing is written."""
    with pytest.raises(SystemExit) as stop:
        main(["labelset", str(tmp_path / "none"), "--count", "2"])
    assert stop.value.code == 2
    assert "count is 2, expected at least 4" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
