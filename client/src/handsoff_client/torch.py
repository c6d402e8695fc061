"""A batch or stream as a PyTorch dataset: shared between ranks and workers, in a fixed order, and resumable.

Only this file, `data/cursor.py` and `data/tensors.py` import torch.

    dataset = HandsOffDataset("portraits/", batch_size=32)      # or BatchSource(url, id), StreamSource(url, id)
    for batch in dataset.loader(num_workers=2):
        train(batch["image"], batch["mask"])                    # uint8 NCHW, int64 NHW
    torch.save(dataset.state_dict(), "data.pt")                 # the position of the training loop
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, get_args

import torch
import torch.distributed
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from handsoff_client.data.cursor import Cursor
from handsoff_client.data.order import (
    Consumer,
    Deal,
    Mix,
    Tail,
    num_samples_in,
    order_of,
    permutation,
)
from handsoff_client.data.reading import SampleReader
from handsoff_client.data.sources import FolderSource, ShardSource
from handsoff_client.data.tensors import (
    ClassLosses,
    SoftAs,
    TensorSample,
    to_tensors,
    to_tv_tensors,
)
from handsoff_shards.samples import decode_sample

__all__ = ["ClassLosses", "HandsOffDataset", "Loader", "RealData", "to_tensors", "to_tv_tensors"]

log = logging.getLogger("handsoff_client")

Transform = Callable[[TensorSample], Any]

_REAL_STREAM = 1 << 62


class RealData(Protocol):
    """Real labelled samples: any map-style dataset of dicts with the keys of `HandsOffDataset`."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...  # noqa: ANN401 - the type of the caller's dataset


class HandsOffDataset(IterableDataset[Any]):
    """Samples as dicts of tensors. `loader()` returns batches of them.

    image: uint8 [3, h, w]; mask: int64 [h, w], class indices, and `ignore_index` where a pixel is ignored; soft_labels:
    float32 [classes, h, w], probabilities, or with `soft="topk"` soft_classes: int64 [k, h, w], the most probable one
    first, and soft_probabilities: float32 [k, h, w]; keypoints: float32 [k, 3], x, y, visibility; confidence: float32
    [k]; depth: float32 [h, w] in the labels' unit, NaN = unknown; uncertainty: float32 [h, w] in nats; index, seed:
    int; condition: int, the class that was requested from a class-conditional generator. What the batch does not have
    has no key. `fields` selects keys.
    """

    def __init__(  # noqa: PLR0913 - keyword-only beyond the source, each with a default
        self,
        source: ShardSource | Path | str,
        *,
        batch_size: int = 32,
        seed: int = 0,
        shuffle: bool = True,
        tail: Tail = "drop",
        fields: Sequence[str] | None = None,
        soft: SoftAs = "dense",
        transform: Transform | None = None,
        real: RealData | None = None,
        real_share: float = 0.0,
        prefetch_shards: int = 2,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        """`batch_size` is per rank. `real_share` of all samples are from `real`; `transform` gets both kinds.

        `tail`: samples at the end that the ranks cannot share evenly are dropped ("drop"), or filled up with the first
        samples of the epoch ("pad"). Rank and world size default to torch.distributed, else to RANK and WORLD_SIZE.
        """
        if batch_size < 1 or not 0 <= real_share < 1 or (real_share > 0) != (real is not None):
            raise ValueError(
                "expected batch_size of 1 or more, and real_share of 0 without `real` or between 0 and 1 with it, got"
                f" batch_size {batch_size} and real_share {real_share}"
            )
        if soft not in get_args(SoftAs):
            raise ValueError(f"expected soft of 'dense' or 'topk', got {soft!r}")
        self.source = FolderSource(source) if isinstance(source, str | Path) else source
        self.batch_size = batch_size
        self.cursor = Cursor()
        self.num_dropped = 0
        """How many samples were dropped at the end of the last epoch: fewer than ranks."""
        self._seed, self._shuffle, self._tail = seed, shuffle, tail
        self._fields, self._transform, self._prefetch = fields, transform, prefetch_shards
        # The maps of all classes are large: they are not made for a loop that does not read them.
        is_read = fields is None or any(name.startswith("soft") for name in fields)
        self._soft: SoftAs | None = soft if is_read else None
        self._real = real
        share = Fraction(real_share).limit_denominator(1_000)
        num_synthetic = num_samples_in(self.source.sizes)
        self._mix = Mix(num_synthetic, len(real) if real is not None else 0, share)
        self._rank, self._world_size = _rank_and_world_size(rank, world_size)

    @property
    def ignore_index(self) -> int:
        """The value of ignored pixels in a mask: pass it to `cross_entropy`."""
        return self.source.labels.ignore_index

    def __len__(self) -> int:
        """The number of samples of this rank in a whole epoch, also in one that was resumed."""
        return self.whole.num_samples

    @property
    def whole(self) -> Deal:
        """How a whole epoch is shared between ranks."""
        return Deal(0, len(self._mix), self.batch_size, self._world_size, self._tail)

    @property
    def deal(self) -> Deal:
        """How the rest of the epoch, from `cursor.start` on, is shared between ranks."""
        return replace(self.whole, start=self.cursor.start)

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        if worker is not None:
            self.cursor.note_worker()
            yield from self._read(
                Consumer(self._rank, self._world_size, worker.id, worker.num_workers)
            )
            return
        self.resume()
        samples = self._read(Consumer(self._rank, self._world_size))
        for num_consumed, sample in enumerate(samples, start=1):
            self.cursor.num_consumed = num_consumed
            yield sample
        self.end_epoch()

    def loader(self, *, num_workers: int = 0, **options: Any) -> "Loader":  # noqa: ANN401 - DataLoader's
        """Return batches of a DataLoader with these options. They count the samples that the training loop received."""
        return Loader(self, num_workers=num_workers, **options)

    def resume(self) -> None:
        """Continue reading at the current position: a loop that was left early repeats no sample.

        A loop that counts batches leaves after the last one and does not ask for the end. Then the next epoch starts.
        """
        self.cursor.begin(self.cursor.epoch, self._position())
        if self.deal.num_samples == 0:
            self.end_epoch()

    def end_epoch(self) -> None:
        """Start the next epoch, which has another order."""
        self.num_dropped = self.deal.num_dropped
        if self.num_dropped:
            log.info("epoch %d: %d samples dropped", self.cursor.epoch, self.num_dropped)
        self.cursor.begin(self.cursor.epoch + 1, 0)

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the training loop: equal on all ranks, valid for any number of ranks and workers."""
        if not self.cursor.is_known:
            raise RuntimeError(
                "The position of the training loop is unknown: workers of a DataLoader have read ahead. Iterate over"
                " dataset.loader(num_workers=...) instead of another DataLoader."
            )
        return {
            "epoch": self.cursor.epoch,
            "position": self._position(),
            "order": self._order_facts(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a position. Raises `ValueError` if it is from another batch, seed, shuffle or real data."""
        if state["order"] != self._order_facts():
            raise ValueError(
                f"expected a state of the order {self._order_facts()}, got {state['order']}. Use the same batch, seed,"
                " shuffle and real data."
            )
        self.cursor.begin(state["epoch"], state["position"])

    def _position(self) -> int:
        return self.deal.consumed(self.cursor.num_consumed)

    def _order_facts(self) -> dict[str, Any]:
        """Return everything that the order depends on."""
        mixed = [self._mix.num_real, str(self._mix.share)]
        source = self.source.identity
        return {"source": source, "seed": self._seed, "shuffle": self._shuffle, "real": mixed}

    def _read(self, consumer: Consumer) -> Iterator[Any]:
        epoch, deal = self.cursor.epoch, self.deal
        order = order_of(self.source.sizes, seed=self._seed, epoch=epoch, shuffle=self._shuffle)
        real = lru_cache(maxsize=2)(self._real_order)
        with SampleReader(self.source, order, prefetch=self._prefetch) as reader:
            for batch in deal.batches(consumer):
                for position in batch:
                    draw = self._mix.real(position)
                    if draw is None:
                        sample = self._decode(reader, self._mix.synthetic(position))
                    else:
                        turn, place = divmod(draw, self._mix.num_real)
                        assert self._real is not None
                        sample = self._real[real(epoch, turn)[place]]
                    yield self._transform(sample) if self._transform else sample

    def _real_order(self, epoch: int, turn: int) -> list[int]:
        return permutation(self._mix.num_real, self._seed, epoch, _REAL_STREAM + turn)

    def _decode(self, reader: SampleReader, position: int) -> TensorSample:
        decoded = decode_sample(reader.read(position))
        sample = to_tensors(decoded, self.source.labels, self._soft)
        return sample if self._fields is None else {name: sample[name] for name in self._fields}


class Loader:
    """Batches of a dataset. They count the samples that the training loop received, in the process of the loop.

    `state_dict` and `load_state_dict` are those of the dataset. Lightning finds them here and keeps the position in its
    checkpoints.
    """

    def __init__(
        self,
        dataset: HandsOffDataset,
        *,
        num_workers: int = 0,
        **options: Any,  # noqa: ANN401 - DataLoader's
    ) -> None:
        if options.get("in_order") is False or options.get("drop_last"):
            raise ValueError(
                "in_order=False and drop_last=True are not supported: the position of the loop would be unknown"
            )
        self.dataset = dataset
        self._num_workers = num_workers
        self._loader: DataLoader[Any] = DataLoader(
            dataset, batch_size=dataset.batch_size, num_workers=num_workers, **options
        )

    def __len__(self) -> int:
        """The number of batches of this rank in a whole epoch, also in one that was resumed."""
        return self.dataset.whole.num_batches

    def __iter__(self) -> Iterator[Any]:
        if self._num_workers == 0:  # the dataset is read in this process and counts itself
            yield from self._loader
            return
        dataset = self.dataset
        dataset.resume()
        dataset.cursor.is_counted = True
        num_samples = dataset.deal.num_samples
        for number, batch in enumerate(self._loader, start=1):
            dataset.cursor.num_consumed = min(number * dataset.batch_size, num_samples)
            yield batch
        dataset.end_epoch()

    def state_dict(self) -> dict[str, Any]:
        """Return the position of the training loop, as `HandsOffDataset.state_dict`."""
        return self.dataset.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a position, as `HandsOffDataset.load_state_dict`."""
        self.dataset.load_state_dict(state)


def _rank_and_world_size(rank: int | None, world_size: int | None) -> tuple[int, int]:
    if (rank is None) != (world_size is None):
        raise ValueError("expected both rank and world_size, or neither")
    if rank is not None and world_size is not None:
        return rank, world_size
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if (
        size > 1 and "RANK" not in os.environ
    ):  # as rank 0, every process would read the same samples
        raise ValueError(
            f"expected RANK in the environment, got only WORLD_SIZE {size}. Create the dataset after torch.distributed"
            " is initialized (in Lightning in `train_dataloader`), or pass rank and world_size."
        )
    return int(os.environ.get("RANK", "0")), size
