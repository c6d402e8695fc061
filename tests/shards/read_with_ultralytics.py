"""Reads a YOLO export as Ultralytics' trainer does: `python read_with_ultralytics.py FOLDER segment|pose OUT.json`.

Runs in an environment of its own: Ultralytics is AGPL-3.0, and nothing of the product imports it. Writes the names of
the classes and, for each split, the number of objects by image. Its label check drops files with a flaw.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ultralytics.data.dataset import (  # type: ignore[import-not-found]  # in the other environment alone
    YOLODataset,
)
from ultralytics.data.utils import (  # type: ignore[import-not-found]  # in the other environment alone
    check_det_dataset,
)


def main(folder: Path, task: str, out: Path) -> None:
    """Write what was read. Every sample is loaded as for training."""
    data = check_det_dataset(str(folder / "data.yaml"))
    found: dict[str, Any] = {"names": list(data["names"].values())}
    for split in ("train", "val"):
        samples = YOLODataset(img_path=data[split], data=data, task=task, imgsz=64, augment=False)
        found[split] = {Path(label["im_file"]).stem: len(label["cls"]) for label in samples.labels}
        for place in range(len(samples)):
            samples[place]
    out.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
