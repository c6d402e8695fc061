"""The answers about shards, documents and exports of a batch as frozen dataclasses."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Shard:
    """One shard: a tar of `num_samples` samples. `url` is valid until `expires_at`."""

    index: int
    num_samples: int
    num_bytes: int
    sha256: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class Card:
    """A document about a batch: its dataset card or its Croissant. `url` is valid until `expires_at`."""

    num_bytes: int
    sha256: str
    url: str
    expires_at: datetime


@dataclass(frozen=True)
class ShardList:
    """Shards in order, and a batch's documents. `has_more`: it is one page. `is_partial`: a failed batch lacks some."""

    num_samples: int
    items: tuple[Shard, ...]
    card: Card | None = None
    croissant: Card | None = None
    has_more: bool = False
    is_partial: bool = False


@dataclass(frozen=True)
class Archive:
    """An export of a batch: a zip of `num_files` files. `url` is valid until `expires_at`."""

    batch: str
    format: str
    num_files: int
    num_bytes: int
    sha256: str
    url: str
    expires_at: datetime
