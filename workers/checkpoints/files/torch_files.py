"""The three ways in which published files hold a pickle and its tensors: plain, torch's old stream, torch's zip."""

import zlib
from collections.abc import Iterable, Mapping
from functools import partial

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.files.archives import Archive
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.pickles import (
    Dialect,
    Making,
    dictionary,
    exactly,
    interpret,
    latin1_bytes,
    set_of,
    view_of,
)
from workers.checkpoints.files.sources import Source
from workers.checkpoints.files.tensors import (
    DTYPES,
    Storage,
    announced,
    rebuild_parameter,
    rebuild_tensor,
)

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
LEGACY_HEAD = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
"""How every file in torch's old form begins: the magic number as a pickle of its own."""

Names = Mapping[str, Making | None]

BIG_ENDIAN = "it was written on a big-endian machine; save it again on a little-endian one"


LOAD_FROM_BYTES = "torch.storage._load_from_bytes"

LIGHTNING_DICTIONARIES = (
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
)
"""Of the hyper-parameters that Lightning saves beside the tensors."""

# Everything that a checkpoint of any published form mentions, and what we put in its place. What is None is kept as a
# description that is not read: settings of a training run, NumPy numbers among the attributes of modules.
NAMES: Names = {
    "collections.OrderedDict": dictionary,
    "dnnlib.util.EasyDict": dictionary,
    "builtins.set": set_of,
    "__builtin__.set": set_of,
    "_codecs.encode": latin1_bytes,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    LOAD_FROM_BYTES: None,  # see `_with_nested`
    **dict.fromkeys(LIGHTNING_DICTIONARIES, dictionary),
    "argparse.Namespace": None,
    "pathlib.PosixPath": None,
    "pathlib.WindowsPath": None,
    "pathlib._local.PosixPath": None,
    "pathlib._local.WindowsPath": None,
    "torch.Size": None,
    "torch.device": None,
    **{f"torch.{name}": None for name in ("float16", "bfloat16", "float32", "float64", "int64")},
    "numpy.dtype": None,
    "numpy.ndarray": None,
    "numpy.core.multiarray.scalar": None,
    "numpy._core.multiarray.scalar": None,
    "numpy.core.multiarray._reconstruct": None,
    "numpy._core.multiarray._reconstruct": None,
    **dict.fromkeys(DTYPES),
}


def read_pickle(stream: Source, names: Names, budget: Budget) -> object:
    """A plain pickle, as NVIDIA's are."""
    return interpret(stream, Dialect(_with_nested(names, budget), budget))


def read_legacy(stream: Source, names: Names, budget: Budget) -> object:
    """A file of torch's old form."""
    return _read_old(stream, _with_nested(names, budget), budget)


def _read_old(stream: Source, names: Names, budget: Budget) -> object:
    """Torch's old form: magic, version, machine, the object, the list of its storages, then their numbers in turn."""
    storages: dict[str, Storage] = {}

    def storage(
        tag: object, kind: object, key: object, _location: object, count: object, view: object
    ) -> Storage:
        if view is not None:
            raise CheckpointRefused(
                "it holds a view of a storage, which torch stopped writing in 2016"
            )
        return _same(storages, _identity(tag, key), announced(kind, count))

    plain = Dialect({}, budget)
    head = interpret(stream, plain), interpret(stream, plain)
    if head != (LEGACY_MAGIC, LEGACY_PROTOCOL):
        raise CheckpointRefused("it begins like a file of torch's old form and goes on otherwise")
    machine = exactly(dict, interpret(stream, plain))
    if machine.get("little_endian") is not True:
        raise CheckpointRefused(BIG_ENDIAN)
    value = interpret(stream, Dialect(names, budget, storage))
    for key in exactly(list, interpret(stream, plain)):
        if exactly(str, key) not in storages:
            raise CheckpointRefused("it lists a storage that nothing in it uses")
        _fill(storages[key], stream)
    return value


def read_zip(archive: Archive, names: Names, budget: Budget) -> object:
    """Torch's form since 1.6: FOLDER/data.pkl beside FOLDER/data/KEY, all of it stored as it is."""
    folder = pickle_folder(archive.members)
    storages: dict[str, Storage] = {}

    def storage(
        tag: object, kind: object, key: object, _location: object, count: object
    ) -> Storage:
        found = _same(storages, _identity(tag, key), announced(kind, count))
        if found.data is None:
            member = f"{folder}data/{key}"
            found.fill(archive.stored(member), archive.members[member].CRC)
        return found

    order = f"{folder}byteorder"
    if order in archive.members and bytes(archive.stored(order)) != b"little":
        raise CheckpointRefused(BIG_ENDIAN)
    name = f"{folder}data.pkl"
    data = archive.stored(name)
    if zlib.crc32(data) != archive.members[name].CRC:
        raise CheckpointRefused(f"{name[-80:]!r} has a wrong checksum (a broken download?)")
    return interpret(Source(data), Dialect(_with_nested(names, budget), budget, storage))


def pickle_folder(members: Iterable[str]) -> str | None:
    """The folder in which torch's zip keeps its pickle, with its slash; None when the zip is none of torch's."""
    found = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    return found[0].removesuffix("data.pkl") if len(found) == 1 else None


def _with_nested(names: Names, budget: Budget) -> Names:
    """The names, with storages that lie in the stream as pickles inside of the pickle. They share the budget."""
    return {**names, LOAD_FROM_BYTES: partial(_storage_from_bytes, budget)}


def _storage_from_bytes(budget: Budget, data: object) -> Storage:
    """What stands for `torch.storage._load_from_bytes`: a stream of torch's old form that is one storage."""
    return exactly(Storage, _read_old(Source(view_of(data)), dict.fromkeys(DTYPES), budget))


def _fill(storage: Storage, stream: Source) -> None:
    count = int.from_bytes(stream.read(8), "little")
    if count != storage.count:
        raise CheckpointRefused("a storage is cut short or of another length than announced")
    storage.fill(stream.view(storage.num_bytes))


def _identity(tag: object, key: object) -> str:
    if tag != "storage":
        raise CheckpointRefused("it refers to outside data in a way that torch does not")
    return exactly(str, key)


def _same(storages: dict[str, Storage], key: str, storage: Storage) -> Storage:
    """The storage of this key, which must be announced in the same way every time."""
    first = storages.setdefault(key, storage)
    if (first.dtype, first.count) != (storage.dtype, storage.count):
        raise CheckpointRefused("it announces one storage in two ways")
    return first
