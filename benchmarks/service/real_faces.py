"""`python -m benchmarks.service.real_faces --data DIR --generator FILE`: run the service on photographs of faces.

It uploads a generator checkpoint, trains its inverter, and fits on 16 and on 50 labelled photographs. Both fits are
scored on 50 other photographs: masks of 8 classes and 13 keypoints. All requests use HTTP; the data is outside the
repository. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from shutil import copyfile
from typing import Any

from benchmarks.inversion.faces import image_path, mask_path, read_split
from examples.demo.stack import Stack
from handsoff_client import HandsOff, bar
from handsoff_client.api.resources import Fit

FITS = ("label_train_16", "label_train_50")
HELDOUT = "label_val"
EYES = ("eye_img_left", "eye_img_right")
PX = 64


def main() -> None:
    """Start the service, run the fits and stop the service. Print the summary as one line of JSON."""
    options = _parse()
    if not (options.data / "split.json").exists():
        print(f"real faces: skipped, no split.json in {options.data}", file=sys.stderr)
        return
    with (
        tempfile.TemporaryDirectory(prefix="handsoff-faces-") as name,
        Stack(Path(name)) as stack,
    ):
        folder = Path(name)
        stack.start()
        print(json.dumps({"benchmark": "real_faces"} | _run(stack.address, folder, options)))


def _run(address: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    with HandsOff(address) as client, bar() as watch:
        generator = client.generators.upload(options.generator, name="faces-64").id
        client.generators.wait(generator, watch=watch)
        training = {"num_images": options.inverter_images}
        inverter = client.inverters.create(generator=generator, options=training)
        client.inverters.wait(inverter.id, watch=watch)
        heldout = client.labelsets.upload(write_labelset(options.data, HELDOUT, folder / HELDOUT))
        results = {}
        for split in FITS:
            labelset = client.labelsets.upload(write_labelset(options.data, split, folder / split))
            job = client.fits.create(
                generator=generator, labelset=labelset.id, validation_labelset=heldout.id
            )
            results[split] = _summary(client.fits.wait(job.id, watch=watch))
            print(f"{split}: {json.dumps(results[split])}", file=sys.stderr, flush=True)
        return results


def _summary(fit: Fit) -> dict[str, Any]:
    """Return the metrics of a fit: its score on the held-out photographs, and its own estimate."""
    metrics = fit.metrics or {}
    summary = {name: metrics[name] for name in ("reconstruction_psnr_db", "heldout", "estimate")}
    summary["stage_seconds"] = metrics["stage_seconds"]
    for kind in ("heldout", "estimate"):
        for long in ("images", "confusion", "worst_images"):
            summary[kind].pop(long, None)
    return summary


def write_labelset(data: Path, split: str, folder: Path) -> Path:
    """Write a split's photographs with masks and keypoints as a labelset folder. Returns the folder."""
    names = read_split(data, split)
    points = json.loads((data / "keypoints.json").read_text())
    keypoints = list(points[names[0]])
    for kind in ("images", "masks", "keypoints"):
        (folder / kind).mkdir(parents=True)
    for name in names:
        copyfile(image_path(data, name), folder / "images" / f"{name}.jpg")
        copyfile(mask_path(data, name), folder / "masks" / f"{name}.png")
        text = json.dumps({"keypoints": [_point(key, points[name][key]) for key in keypoints]})
        (folder / "keypoints" / f"{name}.json").write_text(text)
    schema = {
        "name": split,
        "classes": json.loads((data / "meta.json").read_text())["classes8"],
        "keypoints": {"names": keypoints, "reference": EYES},
    }
    (folder / "labelset.json").write_text(json.dumps(schema))
    return folder


def _point(name: str, position: list[float] | None) -> dict[str, Any]:
    """Convert a keypoint of the data set (in 0..1, or None if not labelled) to the labelset format."""
    if position is None:
        return {"name": name, "x": 0, "y": 0, "visibility": 0}
    x, y = (min(round(value * PX, 3), PX - 0.001) for value in position)
    return {"name": name, "x": x, "y": y, "visibility": 2}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service.real_faces", description=__doc__
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of real faces")
    parser.add_argument(
        "--generator", type=Path, required=True, help="their generator's checkpoint"
    )
    parser.add_argument("--inverter-images", type=int, default=16_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
