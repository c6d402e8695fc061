"""The command line writes the documented folders."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from examples.portraits.__main__ import main
from examples.portraits.classes import CLASS_NAMES


def files(folder: Path) -> list[str]:
    """Return the files in a folder as sorted relative paths."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_images_writes_pngs_by_seed_and_index(tmp_path: Path) -> None:
    """`--start` continues a folder without rewriting its files."""
    assert main(["images", str(tmp_path), "--count", "2"]) == 0
    assert main(["images", str(tmp_path), "--count", "1", "--start", "2"]) == 0
    assert files(tmp_path) == [f"portrait-1000-00000{index}.png" for index in range(3)]
    assert np.asarray(Image.open(tmp_path / "portrait-1000-000000.png")).shape == (64, 64, 3)


def test_labelset_writes_a_folder_for_the_service(tmp_path: Path) -> None:
    """The folder has images and masks with the same names, and labelset.json with the classes."""
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


def test_heldout_portraits_are_different(tmp_path: Path) -> None:
    """`--heldout` uses a separate range of seeds."""
    main(["labelset", str(tmp_path / "labelled"), "--count", "4"])
    main(["labelset", str(tmp_path / "heldout"), "--count", "4", "--heldout"])
    assert not set(files(tmp_path / "labelled" / "images")) & set(
        files(tmp_path / "heldout" / "images")
    )


def test_sheet_shows_images_above_their_masks(tmp_path: Path) -> None:
    """Three portraits with two columns make two rows of pairs; the empty cell is white."""
    path = tmp_path / "sheet.png"
    assert main(["sheet", str(path), "--count", "3", "--columns", "2", "--zoom", "1"]) == 0
    sheet = np.asarray(Image.open(path))
    assert sheet.shape == (4 * 64, 2 * 64, 3)
    assert (sheet[128:, 64:] == 255).all()


def test_an_invalid_value_exits_with_status_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the expected and the given value, and no file is written."""
    with pytest.raises(SystemExit) as stop:
        main(["labelset", str(tmp_path / "none"), "--count", "2"])
    assert stop.value.code == 2
    assert "expected a count of at least 4" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
