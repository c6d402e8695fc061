"""Read a YOLO export as Ultralytics trains on it: `python read_with_ultralytics.py FOLDER segment|pose OUT.json`.

It runs in a separate environment: Ultralytics is AGPL-3.0, and the product does not import it. It writes the names of
the classes and, for each split, the number of objects by image. Its label check drops files with a flaw.
"""

import json
import sys
from pathlib import Path
from typing import Any

from ultralytics.data.dataset import (  # type: ignore[import-not-found]  # installed only in the other environment
    YOLODataset,
)
from ultralytics.data.utils import (  # type: ignore[import-not-found]  # installed only in the other environment
    check_det_dataset,
)


def main(folder: Path, task: str, out: Path) -> None:
    """Read every sample as for training, and write the result."""
    data = check_det_dataset(str(folder / "data.yaml"))
    result: dict[str, Any] = {"names": list(data["names"].values())}
    for split in ("train", "val"):
        samples = YOLODataset(img_path=data[split], data=data, task=task, imgsz=64, augment=False)
        result[split] = {Path(label["im_file"]).stem: len(label["cls"]) for label in samples.labels}
        for place in range(len(samples)):
            samples[place]
    out.write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
