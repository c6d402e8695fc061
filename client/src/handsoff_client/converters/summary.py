"""What a conversion found, as text and as JSON: images, classes with their share of the pixels, and notes."""

from typing import Any

from handsoff_client.converters.conversion import IGNORE_INDEX, Conversion
from handsoff_client.converters.folders import Written

_DECIMALS = 6


def facts(conversion: Conversion, written: Written) -> dict[str, Any]:
    """Return the facts as JSON."""
    return {
        "format": conversion.tool,
        "num_images": written.num_images,
        "num_masks": written.num_masks,
        "num_keypoints": written.num_keypoints,
        "splits": {split: count for split, count in sorted(written.splits.items()) if split},
        "classes": [
            {"name": name, "num_images": images, "pixel_share": round(share, _DECIMALS)}
            for name, images, share in class_rows(conversion, written)
        ],
        "keypoints": list(conversion.keypoints.names) if conversion.keypoints else [],
        "notes": conversion.notes.lines,
    }


def class_rows(conversion: Conversion, written: Written) -> list[tuple[str, int, float]]:
    """Return name, number of images and share of the pixels of each class, and of ignored pixels if there are any."""
    total = max(written.pixels.total(), 1)
    named = [*enumerate(conversion.classes)]
    if written.pixels[IGNORE_INDEX]:
        named.append((IGNORE_INDEX, "(ignored)"))
    return [
        (name, written.images_of[index], written.pixels[index] / total) for index, name in named
    ]


def headline(conversion: Conversion, written: Written) -> str:
    """Return the format and the numbers of images."""
    splits = ", ".join(
        f"{split} {count}" for split, count in sorted(written.splits.items()) if split
    )
    parts = [f"{written.num_masks} with a mask" if conversion.classes else ""]
    parts.append(f"{written.num_keypoints} with keypoints" if conversion.keypoints else "")
    parts.append(f"splits: {splits}" if splits else "")
    number = "1 image" if written.num_images == 1 else f"{written.num_images} images"
    return f"{conversion.tool}: {number}; {'; '.join(filter(None, parts))}"
