"""Files of latent codes and of the images that a checkpoint makes of them: what `render` reads and writes."""

import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from models.generators.stylegan2.generator import Generator

IMAGES = {"ws": "image_w", "ws_psi07": "image_psi07", "wplus": "image_wplus"}
"""Codes in the file => the images made of them."""

MICRO_BATCH = 4
MAX_CODES = 10_000
"""Of one array: 370 MB for a 1024 px generator."""


def read_codes(path: Path, generator: Generator) -> dict[str, NDArray[np.float32]]:
    """The sets of W+ codes in an npz, each [n, num_ws, w_dim].

    Raises:
        ValueError: there are none, they are of another shape than the generator's, or the file is damaged.
    """
    try:
        with ZipFile(path) as archive:
            names = [name for name in IMAGES if f"{name}.npy" in archive.namelist()]
            codes = {name: _read_array(archive, name, generator) for name in names}
    except (BadZipFile, EOFError, NotImplementedError, zlib.error, RuntimeError) as error:
        raise ValueError(f"{path} is not readable as npz: {error}") from error
    if not codes:
        raise ValueError(f"{path} has none of the arrays {', '.join(IMAGES)}")
    return codes


def _read_array(archive: ZipFile, name: str, generator: Generator) -> NDArray[np.float32]:
    """One array, after its header was held against the generator and against the bytes that are there."""
    layout = generator.config.num_ws, generator.config.w_dim
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        shape, is_fortran, dtype = _read_header(file, name)
        if len(shape) != 3 or shape[1:] != layout:
            raise ValueError(
                f"{name} in {archive.filename} has the shape {list(shape)}; "
                f"this generator takes [n, {layout[0]}, {layout[1]}]"
            )
        if dtype.kind not in "fiu" or shape[0] > MAX_CODES:
            raise ValueError(
                f"{name} in {archive.filename} has {shape[0]} codes of {dtype}; expected at most {MAX_CODES} codes"
                " of floating-point numbers"
            )
        num_bytes = math.prod(shape) * dtype.itemsize
        data = file.read(num_bytes + 1)
    if len(data) != num_bytes:
        raise ValueError(
            f"{name} in {archive.filename} should have {num_bytes} bytes by its header and has not"
        )
    flat = np.frombuffer(data, dtype).astype(np.float32)
    return flat.reshape(shape, order="F" if is_fortran else "C")


def _read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and kind of an array."""
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        return read(file)
    except (ValueError, KeyError, TypeError, SyntaxError, TokenError) as error:
        raise ValueError(f"{name} is not readable as npy: its header is damaged") from error


def render(generator: Generator, codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images [n, 3, h, w] in float32, not clipped, with constant noise."""
    return np.concatenate(list(_batches(generator, codes)))


def _batches(generator: Generator, codes: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    with torch.no_grad():
        for part in torch.from_numpy(codes).split(MICRO_BATCH):
            yield generator.synthesize(part, "const").images.numpy()
