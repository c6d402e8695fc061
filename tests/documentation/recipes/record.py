"""Run a training recipe, and record what its network and its loss get: `python record.py RECIPE.py OUT.npz`.

It runs in the environment of the recipe, which needs torch and NumPy. Every step that calls cross-entropy is recorded:
the images [n, 3, h, w], the labels [n, h, w], the loss, the number of classes and the ignored value. A recipe with a
last `batch` of augmented samples also gets its `index` recorded. Each rank writes a file.
"""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

STEPS: dict[str, list[Any]] = {
    "images": [],
    "labels": [],
    "losses": [],
    "classes": [],
    "ignored": [],
}


def main(recipe: Path, out: Path) -> None:
    """Run the recipe and write the record."""
    seen: list[Tensor] = []

    def keep_images(_: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        images = inputs[0] if inputs and isinstance(inputs[0], Tensor) else torch.zeros(0)
        if images.ndim == 4 and images.shape[1] == 3:
            seen[:] = [images]

    original = torch.nn.functional.cross_entropy

    def cross_entropy(logits: Tensor, labels: Tensor, *args: Any, **options: Any) -> Tensor:
        loss = original(logits, labels, *args, **options)
        images = (seen[0].detach().cpu() * 255).round().to(torch.uint8)
        STEPS["images"].append(images.numpy().copy())
        STEPS["labels"].append(labels.detach().cpu().numpy().copy())
        STEPS["losses"].append(float(loss.detach()))
        STEPS["classes"].append(logits.shape[1])
        STEPS["ignored"].append(options["ignore_index"])
        return loss

    torch.nn.modules.module.register_module_forward_pre_hook(keep_images)
    torch.nn.functional.cross_entropy = cross_entropy  # type: ignore[assignment]  # records its arguments
    # Not by runpy: Lightning starts its other ranks with the words of this process.
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(recipe.read_text(), recipe, "exec"), names)
    rank, batch = os.environ.get("LOCAL_RANK", "0"), names.get("batch", {})
    arrays: dict[str, Any] = dict(STEPS)
    arrays |= {name: np.concatenate(STEPS[name]) for name in ("images", "labels")}
    if "index" in batch:
        arrays |= {f"last_{name}": np.asarray(batch[name]) for name in ("index", "mask")}
    np.savez(out.with_suffix(f".{rank}.npz"), **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
