"""Run the recipe of Ultralytics, and record the labels that it trains on: `python record_yolo.py RECIPE.py OUT.npz`.

It runs in the environment of the recipe. For each training image, the masks of all objects become one map of classes
again, at the size of the training and at half of it. Without augmentation, because Ultralytics mixes four images.
"""

import csv
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ultralytics.data.dataset import (  # type: ignore[import-not-found]  # installed only in the other environment
    YOLODataset,
)
from ultralytics.data.utils import (  # type: ignore[import-not-found]  # installed only in the other environment
    check_det_dataset,
)


def class_map(sample: Any) -> Any:
    """Return the class of each pixel, from 1 on, and 0 without an object. A mask of objects numbers them from 1."""
    objects, classes = sample["masks"][0].numpy().astype(int), sample["cls"].numpy().ravel()
    return np.concatenate([[0], classes + 1]).astype(np.uint8)[objects]


def main(recipe: Path, out: Path) -> None:
    """Run the recipe and write the record."""
    trainer = runpy.run_path(str(recipe), run_name="__main__")["model"].trainer
    data = check_det_dataset(trainer.args.data)
    arrays: dict[str, Any] = {"names": list(data["names"].values())}
    for px in (trainer.args.imgsz // 2, trainer.args.imgsz):
        samples = YOLODataset(
            img_path=data["train"],
            data=data,
            task="segment",
            imgsz=px,
            augment=False,
            hyp=trainer.args,
        )
        for number in range(len(samples)):
            sample = samples[number]
            arrays[f"{Path(sample['im_file']).stem}.{px}"] = class_map(sample)
    rows = csv.DictReader(Path(trainer.save_dir, "results.csv").read_text().splitlines())
    losses = [float(row["train/seg_loss"]) for row in rows]
    num_classes = trainer.model.model[-1].nc
    np.savez(out, **arrays, losses=losses, num_classes=num_classes, best=str(trainer.best))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
