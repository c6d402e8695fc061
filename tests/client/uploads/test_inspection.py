"""Check labelled images before an upload."""

import io
import json
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handsoff_client import Generator, InvalidInput
from handsoff_client.http.parsing import parse
from handsoff_client.uploads.inspection import aspect_flaws, inspect
from tests.app.uploading import pairs, png
from tests.client.conftest import job

Change = Callable[[dict[str, bytes]], object]


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files to a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def flaws_of(path: Path) -> list[str]:
    """Return every flaw as a sentence."""
    return [str(flaw) for flaw in inspect(path).flaws]


def rotated(width: int, height: int) -> bytes:
    """Return a JPEG that EXIF rotates by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def npy(*shape: int) -> bytes:
    """Return a depth map as an npy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(shape, np.float32))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "Thumbs.db",
        "images/thumbs.db",
        "images/Desktop.ini",
        "images/a.png:Zone.Identifier",
        "masks/a~",
    ],
)
def test_files_that_the_service_skips_are_no_flaw(tmp_path: Path, name: str) -> None:
    """File managers and editors leave them everywhere."""
    assert flaws_of(written(tmp_path, pairs(1) | {name: b"x"})) == []


@pytest.mark.parametrize("prefix", ["./", "a/", "a/b/", "a\\b\\"])
def test_folders_around_all_files_of_a_zip(tmp_path: Path, prefix: str) -> None:
    """As in the service: at any depth, also with the backslashes of some tools."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in pairs(2).items():
            entry = zipfile.ZipInfo("x")
            entry.filename = prefix + (name.replace("/", "\\") if "\\" in prefix else name)
            archive.writestr(entry, data)
    result = inspect(tmp_path / "a.zip")
    assert (result.flaws, result.counts["images"]) == ([], 2)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (1, 8, 8)])
def test_depth_may_have_an_axis_of_1(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Networks add one for the channel or the batch."""
    files = {"images/a.png": png("RGB", (8, 8)), "depth/a.npy": npy(*shape)}
    assert flaws_of(written(tmp_path, files)) == []


def test_json_of_windows_is_read(tmp_path: Path) -> None:
    """In UTF-16, which PowerShell writes."""
    text = json.dumps({"keypoints": []}).encode("utf-16")
    files = {"images/a.png": png("RGB", (8, 8)), "keypoints/a.json": text}
    assert flaws_of(written(tmp_path, files)) == []


def test_a_valid_folder_has_no_flaw(tmp_path: Path) -> None:
    """Its parts are counted."""
    result = inspect(written(tmp_path, pairs(3)))
    assert result.flaws == []
    assert result.counts == {"images": 3, "masks": 3, "keypoints": 0, "depth": 0}
    assert result.images["image-0"] == ("images/image-0.png", (32, 32))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "wrapped zip"])
def test_an_archive_is_checked_like_a_folder(tmp_path: Path, kind: str) -> None:
    """All its files may be inside one folder."""
    path, top = (
        tmp_path / f"labels.{kind.rsplit(maxsplit=1)[-1]}",
        "faces/" if "wrapped" in kind else "",
    )
    if kind.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in pairs(2).items():
                archive.writestr(top + name, data)
    else:
        with tarfile.open(path, "w:gz" if kind.endswith("gz") else "w") as tar:
            for name, data in pairs(2).items():
                header = tarfile.TarInfo(f"./{name}")
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
    assert inspect(path).counts["masks"] == 2
    assert flaws_of(path) == []


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        (
            lambda f: f.update({"images/image-1.png": b"no picture"}),
            "images/image-1.png: The file is not an image, or it is damaged.",
        ),
        (
            lambda f: f.update({"images/image-1.png": f["images/image-1.png"][:60]}),
            "images/image-1.png: The file cannot be read as an image:",
        ),
        (
            lambda f: f.pop("images/image-1.png"),
            "masks/image-1.png: The label has no image. Add images/image-1.png, or remove it.",
        ),
        (
            lambda f: f.pop("masks/image-1.png"),
            "images/image-1.png: The image has no label. Add masks/image-1.png",
        ),
        (
            lambda f: f.update({"masks/image-1.png": png("L", (32, 16), 0)}),
            "masks/image-1.png: The label is 32 x 16 px, but images/image-1.png is 32 x 32.",
        ),
        (
            lambda f: f.update({"depth/image-1.npy": npy(32, 31)}),
            "depth/image-1.npy: The label is 31 x 32 px",
        ),
        (
            lambda f: f.update({"depth/image-1.npy": npy(32, 32, 3)}),
            "depth/image-1.npy: The file cannot be read as an array: expected an array [height, width]",
        ),
        (
            lambda f: f.update({"keypoints/image-1.json": b"[]"}),
            "keypoints/image-1.json: The file cannot be read as JSON: expected a JSON object.",
        ),
        (
            lambda f: f.update({"keypoints/image-1.json": b"{"}),
            "keypoints/image-1.json: The file cannot be read as JSON:",
        ),
        (
            lambda f: f.update({"labelset.json": b"\xff"}),
            "labelset.json: The file cannot be read as JSON:",
        ),
        (
            lambda f: f.update({"images/image-1.jpg": rotated(32, 32)}),
            "images/image-1.png: images/image-1.jpg has the same name except for its suffix.",
        ),
        (
            lambda f: [f.pop(name) for name in list(f) if name.startswith("images")],
            "Expected images/",
        ),
    ],
)
def test_a_flaw_is_a_sentence_with_its_file(tmp_path: Path, change: Change, flaw: str) -> None:
    """It says what to do. The other files have no flaw."""
    files = pairs(3)
    change(files)
    flaws = flaws_of(written(tmp_path, files))
    assert len(flaws) == 1, flaws
    assert flaws[0].startswith(flaw)
    assert len(flaws[0]) < 300
    assert "<" not in flaws[0]


def test_sizes_are_compared_after_the_rotation(tmp_path: Path) -> None:
    """EXIF rotates the JPEG of a camera, and its mask is not rotated."""
    files = {
        "images/a.jpg": rotated(20, 10),
        "masks/a.png": png("L", (10, 20), 0),
        "labelset.json": b"{}",
    }
    assert flaws_of(written(tmp_path, files)) == []


def test_both_unicode_forms_of_a_name_match(tmp_path: Path) -> None:
    """MacOS separates the accent from its letter, other systems do not."""
    one, other = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    files = {
        f"images/{one}.png": png("RGB", (8, 8), (0, 0, 0)),
        f"masks/{other}.png": png("L", (8, 8), 0),
    }
    assert flaws_of(written(tmp_path, files)) == []


def test_images_of_a_coco_file_need_no_other_label(tmp_path: Path) -> None:
    """The service checks the COCO file. The folder may be that of the images."""
    images = {name: data for name, data in pairs(2).items() if name.startswith("images")}
    (tmp_path / "coco.json").write_text("{}")
    folder = written(tmp_path / "set", images) / "images"
    result = inspect(folder, annotations=tmp_path / "coco.json")
    assert (result.flaws, result.counts["images"]) == ([], 2)


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06", b"no archive", b"PK\x03\x04" + bytes(40)])
def test_an_invalid_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    """The message has its name and says what to do."""
    (tmp_path / "labels.zip").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"labels\.zip' cannot be read as a zip or tar"):
        inspect(tmp_path / "labels.zip")


def test_an_image_of_another_aspect_ratio_is_a_flaw(tmp_path: Path) -> None:
    """One pixel of difference is allowed. Only headers are read."""
    files = {
        "images/wide.png": png("RGB", (64, 48), (0, 0, 0)),
        "images/near.png": png("RGB", (48, 47), (0, 0, 0)),
        "images/tall.jpg": rotated(48, 64),
    }
    of_32 = {"name": "Tiny", "source": "", "license": "", "height_px": 32, "width_px": 32}
    generator = parse(Generator, job("generator", "succeeded", **of_32))
    result = inspect(written(tmp_path, files), decode=False)
    flaws = list(aspect_flaws(result, generator))
    assert [flaw.file for flaw in flaws] == ["images/tall.jpg", "images/wide.png"]
    assert "Expected the aspect ratio 32 x 32 of generator 'generator_1'" in str(flaws[1])
    assert "got an image of 64 x 48 px" in str(flaws[1])


def test_a_check_changes_no_file(tmp_path: Path) -> None:
    """It writes nothing to the folder."""
    folder = written(tmp_path, pairs(1))
    before = sorted(path.stat().st_mtime_ns for path in folder.rglob("*"))
    inspect(folder)
    assert sorted(path.stat().st_mtime_ns for path in folder.rglob("*")) == before
    assert json.loads((folder / "labelset.json").read_text())["name"] == "faces"
