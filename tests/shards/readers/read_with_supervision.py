"""Read an export as users of supervision do: `python read_with_supervision.py coco|yolo FOLDER OUT.npz`.

It runs in a separate environment. It writes the names of the classes and, for each image, an index mask and the number
of its objects by class.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import supervision  # type: ignore[import-not-found]  # installed only in the other environment


def load(kind: str, folder: Path) -> list[Any]:
    """Return the data sets of an export with masks: one of COCO, one for each split of YOLO."""
    if kind == "coco":
        annotations = str(folder / "annotations.json")
        images = str(folder / "images")
        return [supervision.DetectionDataset.from_coco(images, annotations, force_masks=True)]
    return [
        supervision.DetectionDataset.from_yolo(
            str(folder / "images" / split),
            str(folder / "labels" / split),
            str(folder / "data.yaml"),
            force_masks=True,
        )
        for split in ("train", "val")
    ]


def main(kind: str, folder: Path, out: Path) -> None:
    """Read the export, and write the result."""
    result: dict[str, Any] = {}
    for data in load(kind, folder):
        result["names"] = np.array(data.classes)
        for path, image, detections in data:
            stem = Path(path).stem
            mask = np.zeros(image.shape[:2], np.uint8)
            count = np.zeros(len(data.classes), np.int64)
            for place in range(len(detections)):
                mask[detections.mask[place]] = detections.class_id[place] + 1
                count[detections.class_id[place]] += 1
            result[f"{stem}.mask"], result[f"{stem}.count"] = mask, count
    np.savez(out, **result)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
