"""Tensors as torch's pickles describe them: windows on storages, checked against the bytes that the file has."""

import math
import zlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workers.checkpoints.checkpoint import DOWNLOAD_AGAIN, CheckpointRefused
from workers.checkpoints.files.pickles import GlobalName, expect_type

DTYPES = {
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.BoolStorage": torch.bool,
    "torch.ByteStorage": torch.uint8,
    "torch.CharStorage": torch.int8,
    "torch.ShortStorage": torch.int16,
    "torch.IntStorage": torch.int32,
    "torch.LongStorage": torch.int64,
}

MAX_DIMENSIONS = 8
MAX_SIZE = 2**48


@dataclass(eq=False)
class Storage:
    """A run of `count` numbers. In torch's legacy format the bytes follow the pickle that refers to them.

    `data` is a view into the file. `checksum` is its CRC-32 in the zip, checked on the first read.
    """

    dtype: torch.dtype
    count: int
    data: memoryview | None = None
    checksum: int | None = None

    @property
    def num_bytes(self) -> int:
        return self.count * self.dtype.itemsize

    def fill(self, data: memoryview, checksum: int | None = None) -> None:
        """Set the bytes.

        Raises:
            CheckpointRefused: their number is not the declared one.
        """
        if len(data) != self.num_bytes:
            raise CheckpointRefused(
                f"expected {self.num_bytes} bytes in a storage, got {len(data)}", DOWNLOAD_AGAIN
            )
        self.data, self.checksum = data, checksum

    def read(self, start: int, stop: int) -> Tensor:
        """Return a copy of the numbers from `start` to `stop`.

        Raises:
            CheckpointRefused: the bytes are missing or damaged.
        """
        if self.data is None:
            raise CheckpointRefused("the numbers of a storage are missing", DOWNLOAD_AGAIN)
        if self.checksum is not None and zlib.crc32(self.data) != self.checksum:
            raise CheckpointRefused("a storage has a wrong checksum", DOWNLOAD_AGAIN)
        self.checksum = None
        size = self.dtype.itemsize
        return torch.frombuffer(bytearray(self.data[start * size : stop * size]), dtype=self.dtype)


def declare_storage(kind: object, count: object) -> Storage:
    """Return an empty storage for a torch storage class and a number of elements."""
    name = str(expect_type(GlobalName, kind))
    if name not in DTYPES:
        raise CheckpointRefused(f"expected the class of a storage, got {name!r}")
    return Storage(DTYPES[name], _size(count))


def _size(number: object) -> int:
    """Return a count, an offset or a stride: an integer that torch can hold."""
    if not 0 <= expect_type(int, number) < MAX_SIZE:
        raise CheckpointRefused(f"expected a size from 0 to 2^48, got {str(number)[:30]}")
    return expect_type(int, number)


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A window on a storage. Its numbers stay in the file until `read`."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numel = math.prod(self.shape)
        if numel and (self._last_index() >= self.storage.count or numel > self.storage.count):
            raise CheckpointRefused(
                f"a tensor of shape {list(self.shape)} reaches beyond its storage of {self.storage.count} numbers"
            )

    def read(self) -> Tensor:
        """Return a float32 copy of the numbers in the window, not of the whole storage."""
        if 0 in self.shape:
            return torch.empty(self.shape)
        window = self.storage.read(self.offset, self._last_index() + 1)
        return window.as_strided(self.shape, self.strides).float().contiguous()

    def _last_index(self) -> int:
        """Return the index of the tensor's last number in the storage."""
        return self.offset + sum(
            (size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)
        )

    def reshaped(self, shape: tuple[int, ...]) -> "StoredTensor | None":
        """Return the same numbers in `shape`; None if more than dimensions of length 1 differ.

        The formats place dimensions of length 1 differently.
        """
        kept = [
            (size, stride)
            for size, stride in zip(self.shape, self.strides, strict=True)
            if size != 1
        ]
        if [size for size, _ in kept] != [size for size in shape if size != 1]:
            return None
        strides = iter(stride for _, stride in kept)
        return replace(
            self, shape=shape, strides=tuple(next(strides) if n != 1 else 0 for n in shape)
        )


def rebuild_tensor(
    storage: object, offset: object, size: object, stride: object, *_hooks_and_flags: object
) -> StoredTensor:
    """Replace `torch._utils._rebuild_tensor_v2`."""
    sizes, steps = expect_type(tuple, size), expect_type(tuple, stride)
    if len(sizes) > MAX_DIMENSIONS or len(sizes) != len(steps):
        raise CheckpointRefused(
            f"expected at most {MAX_DIMENSIONS} dimensions and as many strides in a tensor, got {len(sizes)} dimensions"
            f" and {len(steps)} strides"
        )
    shape = tuple(_size(n) for n in sizes)
    strides = tuple(_size(n) for n in steps)
    return StoredTensor(expect_type(Storage, storage), _size(offset), shape, strides)


def rebuild_parameter(data: object, *_flags: object) -> StoredTensor:
    """Replace `torch._utils._rebuild_parameter`: return the tensor itself."""
    return expect_type(StoredTensor, data)
