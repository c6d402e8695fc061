"""Small exports of annotation tools, written file by file, and their conversion to masks and keypoints."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handsoff_client.converters.conversion import Choices, Conversion
from handsoff_client.converters.folders import write
from handsoff_shards.errors import InvalidInput

ORIENTATION = 0x0112
TURNED = 6
"""An EXIF orientation that swaps width and height."""

Export = Callable[[Mapping[str, str | bytes]], Path]


def save_image(path: Path, size: tuple[int, int] = (8, 6), orientation: int | None = None) -> None:
    """Write a photograph of one color; `orientation` is that of EXIF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    Image.new("RGB", size, (9, 90, 200)).save(path, exif=exif)


def save_mask(path: Path, rows: list[list[int]], palette: list[int] | None = None) -> None:
    """Write values as a grey PNG, or as a palette PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.array(rows, np.uint8))
    if palette is not None:
        image.putpalette(palette)
    image.save(path)


@dataclass(frozen=True)
class Result:
    """A conversion that was written and read again."""

    conversion: Conversion
    schema: dict[str, Any]
    masks: dict[str, list[list[int]]]
    keypoints: dict[str, list[dict[str, Any]]]
    images: list[str]

    @property
    def notes(self) -> str:
        return "\n".join(self.conversion.notes.lines)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Write text files of an export, and return their folder."""

    def write_files(files: Mapping[str, str | bytes]) -> Path:
        folder = tmp_path / "export"
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder

    return write_files


@pytest.fixture
def converted(tmp_path: Path) -> Callable[..., Result]:
    """Convert an export, write the result, and read it again. Raises `InvalidInput` with the first flaw."""

    def convert(
        converter: Callable[[Path, Choices], Conversion], path: Path, **choices: Any
    ) -> Result:
        out = tmp_path / "out"
        conversion = converter(path, Choices(**choices))
        flaws = write(conversion, "name", out).flaws
        if flaws:
            raise InvalidInput(str(flaws[0]))
        masks = {
            one.stem: np.asarray(Image.open(one)).tolist() for one in (out / "masks").iterdir()
        }
        points = {
            one.stem: json.loads(one.read_text())["keypoints"]
            for one in (out / "keypoints").iterdir()
        }
        schema = json.loads((out / "labelset.json").read_text())
        names = sorted(one.name for one in (out / "images").iterdir())
        return Result(conversion, schema, masks, points, names)

    return convert
