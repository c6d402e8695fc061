"""The message of a refusal: the right cause in one line, without names of Python types."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator
from tests.workers.checkpoints.hostile import corpus
from workers.checkpoints.checkpoint import MAX_MESSAGE, CheckpointRefused
from workers.checkpoints.stylegan2.latents import read_codes
from workers.checkpoints.stylegan2.reading import read_checkpoint

CORPUS = corpus()

TYPES = re.compile(
    r"\b(NoneType|bytearray|memoryview|dict|tuple|[A-Z]\w+Error|has (int|str|list))\b"
)
"""Names of Python types and errors, which do not help a user."""

CAUSES = {
    "zip with LZMA": "compressed with LZMA; expected stored or deflated",
    "zip with bzip2": "compressed with bzip2; expected stored or deflated",
    "zip with a password": "has a password",
    "zip of a zip": "a zip around 'model.zip'. Unpack it",
    "zip bomb": "expected stored members in its zip, got compressed ones",
    "tar": "it is a tar archive; unpack it",
    "npy": "a NumPy array",
    "npz": "NumPy arrays",
    "nothing": "it is an empty file",
    "our zip with nested JSON": "generator.json is not readable as the configuration of a generator",
    "safetensors with a broken head": "not readable as safetensors",
    "zip without an end": "not readable as zip",
    "bytes of 4 EB": "damaged or cut short",
}


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_a_refusal_is_one_short_line(name: str, tmp_path: Path) -> None:
    """It has at most 300 characters, no control characters and no Python types."""
    (tmp_path / "checkpoint").write_bytes(CORPUS[name])
    with pytest.raises(CheckpointRefused) as refused:
        read_checkpoint(tmp_path / "checkpoint")
    message = str(refused.value)
    assert len(message) <= MAX_MESSAGE
    assert message.isprintable()
    assert not TYPES.search(message)
    assert CAUSES.get(name, "") in message


def latents(tmp_path: Path, header: bytes) -> Path:
    """Write an npz whose array `ws` has this header and no numbers."""
    path = tmp_path / "latents.npz"
    head = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ws.npy", head)
    return path


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("(1000000000000, 4, 8)", "1000000000000 codes"),
        ("(5, 4, 8)", "expected 640 bytes in ws"),
        ("(1000000000000,)", "got the shape"),
        ("(", "header is damaged"),
    ],
)
def test_latents_are_read_after_a_check_of_their_header(
    shape: str, message: str, tmp_path: Path
) -> None:
    """The size in the header allocates no memory."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    config = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 4), num_mapping_layers=1)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_codes(latents(tmp_path, header), Generator(config))


def test_latents_of_objects_are_refused(tmp_path: Path) -> None:
    """Reading them would unpickle them."""
    path = tmp_path / "latents.npz"
    np.savez(path, allow_pickle=True, ws=np.array([[[object()] * 8] * 4]))
    config = GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 4), num_mapping_layers=1)
    with pytest.raises(ValueError, match="expected at most"):
        read_codes(path, Generator(config))
