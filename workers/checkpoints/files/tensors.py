"""Tensors as torch's pickles describe them: windows on storages, checked against the bytes that are really there."""

import math
import zlib
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.pickles import Name, exactly

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
    """A run of `count` numbers. Torch's older files bring the bytes only after everything that refers to them.

    `data` is a view into the file. `checksum` is the CRC-32 that a zip keeps of it, looked at when it is first read.
    """

    dtype: torch.dtype
    count: int
    data: memoryview | None = None
    checksum: int | None = None

    @property
    def num_bytes(self) -> int:
        return self.count * self.dtype.itemsize

    def fill(self, data: memoryview, checksum: int | None = None) -> None:
        """Hand over the bytes.

        Raises:
            CheckpointRefused: there are more or fewer than the storage was announced with.
        """
        if len(data) != self.num_bytes:
            raise CheckpointRefused(
                f"a storage was announced with {self.num_bytes} bytes and has {len(data)} (a broken download?)"
            )
        self.data, self.checksum = data, checksum

    def numbers(self, start: int, stop: int) -> Tensor:
        """A copy of the numbers from `start` to `stop`.

        Raises:
            CheckpointRefused: the bytes are missing or damaged.
        """
        if self.data is None:
            raise CheckpointRefused("it lacks the numbers of a storage (a broken download?)")
        if self.checksum is not None and zlib.crc32(self.data) != self.checksum:
            raise CheckpointRefused("a storage has a wrong checksum (a broken download?)")
        self.checksum = None
        size = self.dtype.itemsize
        return torch.frombuffer(bytearray(self.data[start * size : stop * size]), dtype=self.dtype)


def announced(kind: object, count: object) -> Storage:
    """An empty storage of a torch storage class and a number of elements."""
    name = str(exactly(Name, kind))
    if name not in DTYPES:
        raise CheckpointRefused(f"it holds a {name!r} where a storage belongs")
    return Storage(DTYPES[name], size_of(count))


def size_of(number: object) -> int:
    """A number of things, or a distance: an integer that torch can hold."""
    if not 0 <= exactly(int, number) < MAX_SIZE:
        raise CheckpointRefused(f"it holds a size of {str(number)[:30]}")
    return exactly(int, number)


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A window on a storage; its numbers are read only when somebody asks."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self) -> None:
        numel = math.prod(self.shape)
        if numel and (self._reach() >= self.storage.count or numel > self.storage.count):
            raise CheckpointRefused(
                f"a tensor of shape {list(self.shape)} reaches beyond its storage of {self.storage.count} numbers"
            )

    def read(self) -> Tensor:
        """A float32 copy: of the numbers that the window covers, not of the whole storage."""
        if 0 in self.shape:
            return torch.empty(self.shape)
        window = self.storage.numbers(self.offset, self._reach() + 1)
        return window.as_strided(self.shape, self.strides).float().contiguous()

    def _reach(self) -> int:
        """The index of its last number in the storage."""
        return self.offset + sum(
            (size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)
        )

    def fitted(self, shape: tuple[int, ...]) -> "StoredTensor | None":
        """The same numbers in `shape`, when only dimensions of length 1 differ: the formats place those differently."""
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
    """What stands for `torch._utils._rebuild_tensor_v2`."""
    sizes, steps = exactly(tuple, size), exactly(tuple, stride)
    if len(sizes) > MAX_DIMENSIONS or len(sizes) != len(steps):
        raise CheckpointRefused(
            f"it holds a tensor of {len(sizes)} dimensions and {len(steps)} strides"
        )
    shape = tuple(size_of(n) for n in sizes)
    strides = tuple(size_of(n) for n in steps)
    return StoredTensor(exactly(Storage, storage), size_of(offset), shape, strides)


def rebuild_parameter(data: object, *_flags: object) -> StoredTensor:
    """What stands for `torch._utils._rebuild_parameter`: the tensor itself."""
    return exactly(StoredTensor, data)
