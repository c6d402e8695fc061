"""Archives of small random images, and requests to train from them, as the app writes them."""

import io
import tarfile
import zipfile
from collections.abc import Mapping

import numpy as np
from PIL import Image

from contracts.generators.generator import GeneratorRequest
from contracts.generators.training import TrainingOptions
from state import keys, records
from tests.workers.importing.imports import request_import
from workers.runtime.machine import Machine


def image_file(seed: int, px: tuple[int, int] = (16, 16), *, grey: bool = False) -> bytes:
    """Return a PNG of random blocks; `px` is (height, width)."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (2, 2, 1 if grey else 3), dtype=np.uint8)
    pixels = blocks.repeat(px[0] // 2, axis=0).repeat(px[1] // 2, axis=1)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if grey else pixels).save(file, "PNG")
    return file.getvalue()


def image_files(count: int = 12, *, grey: bool = False) -> dict[str, bytes]:
    """Return files by name."""
    return {f"images/{index:02d}.png": image_file(index, grey=grey) for index in range(count)}


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return archive.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    """Return a tar of files."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode=mode) as file:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return archive.getvalue()


def request_training(machine: Machine, archive: bytes, **options: object) -> GeneratorRequest:
    """Upload an archive and store the request of a training, of four steps by default."""
    request = request_import(machine, archive)
    quick = {"px": 16, "images": 32, "batch": 8, "snapshot_images": 16, "inverter_images": 16}
    training = TrainingOptions.model_validate({**quick, **options})
    request = request.model_copy(update={"training": training})
    records.write(machine.store, keys.job_request(request.ref), request)
    return request
