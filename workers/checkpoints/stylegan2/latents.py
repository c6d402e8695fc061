"""Read files of latent codes, and render them: the input and output of the command `render`."""

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
"""Array of codes in the input file => array of their images in the output file."""

MICRO_BATCH = 4
MAX_CODES = 10_000
"""Codes in one array: 370 MB for a 1024 px generator."""


def read_codes(path: Path, generator: Generator) -> dict[str, NDArray[np.float32]]:
    """Read the arrays of W+ codes in an npz, each [n, num_ws, w_dim].

    Raises:
        ValueError: there are no codes, they do not have the generator's shape, or the file is damaged.
    """
    try:
        with ZipFile(path) as archive:
            names = [name for name in IMAGES if f"{name}.npy" in archive.namelist()]
            codes = {name: _read_array(archive, name, generator) for name in names}
    except (BadZipFile, EOFError, NotImplementedError, zlib.error, RuntimeError) as error:
        raise ValueError(f"{path} is not readable as npz: {error}") from error
    if not codes:
        raise ValueError(
            f"expected one or more of the arrays {', '.join(IMAGES)} in {path}, got none"
        )
    return codes


def _read_array(archive: ZipFile, name: str, generator: Generator) -> NDArray[np.float32]:
    """Read one array. Its header is checked against the generator, then against the bytes in the file."""
    layout = generator.config.num_ws, generator.config.w_dim
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        shape, is_fortran, dtype = _read_header(file, name)
        if len(shape) != 3 or shape[1:] != layout:
            raise ValueError(
                f"expected codes [n, {layout[0]}, {layout[1]}] for this generator in {name} of {archive.filename},"
                f" got the shape {list(shape)}"
            )
        if dtype.kind not in "fiu" or shape[0] > MAX_CODES:
            raise ValueError(
                f"expected at most {MAX_CODES} codes of numbers in {name} of {archive.filename},"
                f" got {shape[0]} codes of {dtype}"
            )
        num_bytes = math.prod(shape) * dtype.itemsize
        data = file.read(num_bytes + 1)
    if len(data) != num_bytes:
        raise ValueError(
            f"expected {num_bytes} bytes in {name} of {archive.filename} after its header, got fewer or more"
        )
    flat = np.frombuffer(data, dtype).astype(np.float32)
    return flat.reshape(shape, order="F" if is_fortran else "C")


def _read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return an array's shape, whether it is in Fortran order, and its dtype."""
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
    """Render codes [n, num_ws, w_dim] with constant noise: images [n, 3, h, w] in float32, not clipped."""
    return np.concatenate(list(_batches(generator, codes)))


def _batches(generator: Generator, codes: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    with torch.no_grad():
        for part in torch.from_numpy(codes).split(MICRO_BATCH):
            yield generator.synthesize(part, "const").images.numpy()
