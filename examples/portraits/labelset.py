"""Labelsets for the service: the choice of portraits, and the files.

A labelset is a folder with `images/`, `masks/` and `labelset.json`; `keypoints/` and `depth/` are optional.
"""

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from examples.portraits.classes import CLASS_COLORS, CLASS_NAMES, IGNORE_INDEX
from examples.portraits.drawing.keypoints import HEAD_ENDS, KEYPOINT_NAMES, SKELETON
from examples.portraits.many import render_many
from examples.portraits.population import GLASSES_SHARE, HAT_SHARE, draw_portrait
from examples.portraits.render import Rendering
from examples.portraits.traits import Portrait

DEPTH_STEPS = 65_535
# Every value is a depth: 0 is the nearest possible surface, not "unknown".
DEPTH_SCHEMA = {"unit": "relative", "scale": 1 / DEPTH_STEPS, "unknown": None}
KEYPOINT_SCHEMA = {"names": KEYPOINT_NAMES, "skeleton": SKELETON, "reference": HEAD_ENDS}
MASKS_SCHEMA = {"classes": CLASS_NAMES, "ignore_index": IGNORE_INDEX}
OTHER_SCHEMAS = {"keypoints": KEYPOINT_SCHEMA, "depth": DEPTH_SCHEMA}
MIN_RARE = 2
MIN_COUNT = 2 * MIN_RARE


def stratified_indices(seed: int, count: int) -> list[int]:
    """Return the first indices of a seed that fill the strata of a set of `count` portraits.

    Glasses and hats have their share of the set, rounded up, and at least two portraits each. No
    portrait has both. So every class occurs in every set. Raises ValueError if `count` is below 4.
    """
    if count < MIN_COUNT:
        raise ValueError(
            f"expected a count of at least {MIN_COUNT} ({MIN_RARE} portraits with glasses and {MIN_RARE} with hats), "
            f"got {count}"
        )
    missing = {
        "glasses": max(MIN_RARE, math.ceil(GLASSES_SHARE * count)),
        "hat": max(MIN_RARE, math.ceil(HAT_SHARE * count)),
    }
    missing["plain"] = count - sum(missing.values())
    chosen: list[int] = []
    index = 0
    while len(chosen) < count:
        stratum = _stratum(draw_portrait(seed, index))
        if missing.get(stratum, 0) > 0:
            missing[stratum] -= 1
            chosen.append(index)
        index += 1
    return chosen


def _stratum(portrait: Portrait) -> str:
    if portrait.glasses and portrait.hat:
        return "both"
    if portrait.glasses:
        return "glasses"
    return "hat" if portrait.hat else "plain"


def write_labelset(
    folder: Path, *, name: str, seed: int, count: int, all_truth: bool = False
) -> list[str]:
    """Write a labelset folder that can be zipped and uploaded. Returns the stems of its files."""
    indices = stratified_indices(seed, count)
    stems = [f"portrait-{seed}-{index:06d}" for index in indices]
    for stem, rendering in zip(stems, render_many(seed, indices), strict=True):
        _save(Image.fromarray(rendering.image), folder / "images" / f"{stem}.png")
        _save(mask_image(rendering.mask), folder / "masks" / f"{stem}.png")
        if all_truth:
            _write_other_truth(folder, stem, rendering)
    schema = MASKS_SCHEMA | OTHER_SCHEMAS if all_truth else MASKS_SCHEMA
    (folder / "labelset.json").write_text(json.dumps({"name": name} | schema, indent=2) + "\n")
    return stems


def mask_image(mask: NDArray[np.uint8]) -> Image.Image:
    """Return a palette image whose pixels are class indices."""
    image = Image.fromarray(mask)
    image.putpalette([value for color in CLASS_COLORS for value in color])
    return image


def depth_image(depth: NDArray[np.float32]) -> Image.Image:
    """Return a 16-bit image: 0 is the nearest possible surface, 65535 the background."""
    return Image.fromarray((depth * DEPTH_STEPS + 0.5).astype(np.uint16))


def _write_other_truth(folder: Path, stem: str, rendering: Rendering) -> None:
    _save(depth_image(rendering.depth), folder / "depth" / f"{stem}.png")
    points = [
        {
            "name": name,
            "x": round(float(x), 3),
            "y": round(float(y), 3),
            "visibility": int(visibility),
        }
        for name, (x, y, visibility) in zip(KEYPOINT_NAMES, rendering.keypoints, strict=True)
    ]
    path = folder / "keypoints" / f"{stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"keypoints": points}, indent=2) + "\n")


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
