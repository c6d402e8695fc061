"""Files of latent codes and of the images that a checkpoint makes of them: what `render` reads and writes."""

from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from models.stylegan2.generator import Generator

IMAGES = {"ws": "image_w", "ws_psi07": "image_psi07", "wplus": "image_wplus"}
"""Codes in the file => the images made of them."""

MICRO_BATCH = 4


def read_codes(path: Path, generator: Generator) -> dict[str, NDArray[np.float32]]:
    """The sets of W+ codes in an npz, each [n, num_ws, w_dim].

    Raises:
        ValueError: there are none, or they are of another shape than the generator's.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            codes = {name: found[name].astype(np.float32) for name in IMAGES if name in found}
    except (BadZipFile, EOFError) as error:
        raise ValueError(f"{path} is not an npz file ({error})") from error
    if not codes:
        raise ValueError(f"{path} has none of the arrays {', '.join(IMAGES)}")
    layout = generator.config.num_ws, generator.config.w_dim
    for name, values in codes.items():
        if values.ndim != 3 or values.shape[1:] != layout:
            raise ValueError(
                f"{name} in {path} has the shape {list(values.shape)}; "
                f"this generator takes [n, {layout[0]}, {layout[1]}]"
            )
    return codes


def render(generator: Generator, codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images [n, 3, h, w] in float32, not clipped, with constant noise."""
    return np.concatenate(list(_batches(generator, codes)))


def _batches(generator: Generator, codes: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    with torch.no_grad():
        for part in torch.from_numpy(codes).split(MICRO_BATCH):
            yield generator.synthesize(part, "const").images.numpy()
