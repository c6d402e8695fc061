"""Read the three containers of a pickle and its tensors: a plain pickle, torch's legacy stream, torch's zip."""

import zlib
from collections.abc import Iterable, Mapping
from functools import partial

from workers.checkpoints.checkpoint import DOWNLOAD_AGAIN, CheckpointRefused
from workers.checkpoints.files.archives import Archive
from workers.checkpoints.files.budget import Budget
from workers.checkpoints.files.pickles import (
    Constructor,
    Dialect,
    as_view,
    encode_latin1,
    expect_type,
    interpret,
    make_dict,
    make_set,
)
from workers.checkpoints.files.sources import Source
from workers.checkpoints.files.tensors import (
    DTYPES,
    Storage,
    declare_storage,
    rebuild_parameter,
    rebuild_tensor,
)

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
LEGACY_HEAD = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
"""The first bytes of a file in torch's legacy format: a pickle that holds only the magic number."""

Constructors = Mapping[str, Constructor | None]

BIG_ENDIAN = "it was written on a big-endian machine; save it again on a little-endian one"

LOAD_FROM_BYTES = "torch.storage._load_from_bytes"

LIGHTNING_DICTIONARIES = (
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
)
"""Lightning saves hyper-parameters in these, beside the tensors."""

# Every global that a published checkpoint uses, and our replacement. None keeps a description that is not read:
# settings of a training run, NumPy numbers among the attributes of modules.
CONSTRUCTORS: Constructors = {
    "collections.OrderedDict": make_dict,
    "dnnlib.util.EasyDict": make_dict,
    "builtins.set": make_set,
    "__builtin__.set": make_set,
    "_codecs.encode": encode_latin1,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    LOAD_FROM_BYTES: None,  # see `_with_nested_storages`
    **dict.fromkeys(LIGHTNING_DICTIONARIES, make_dict),
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


def read_pickle(stream: Source, constructors: Constructors, budget: Budget) -> object:
    """Read a plain pickle, the format of NVIDIA's files."""
    return interpret(stream, Dialect(_with_nested_storages(constructors, budget), budget))


def read_legacy(stream: Source, constructors: Constructors, budget: Budget) -> object:
    """Read a file in torch's legacy format, also with nested storages."""
    return _read_stream(stream, _with_nested_storages(constructors, budget), budget)


def _read_stream(stream: Source, constructors: Constructors, budget: Budget) -> object:
    """Read the legacy format: magic, version, machine, the object, the list of its storages, then their numbers."""
    storages: dict[str, Storage] = {}

    def storage(
        tag: object, kind: object, key: object, _location: object, count: object, view: object
    ) -> Storage:
        if view is not None:
            raise CheckpointRefused(
                "it holds a view of a storage, which torch stopped writing in 2016"
            )
        return _declare_once(storages, _storage_key(tag, key), declare_storage(kind, count))

    plain = Dialect({}, budget)
    head = interpret(stream, plain), interpret(stream, plain)
    if head != (LEGACY_MAGIC, LEGACY_PROTOCOL):
        raise CheckpointRefused(
            "it begins like torch's legacy format, but its magic number or version is wrong"
        )
    machine = expect_type(dict, interpret(stream, plain))
    if machine.get("little_endian") is not True:
        raise CheckpointRefused(BIG_ENDIAN)
    value = interpret(stream, Dialect(constructors, budget, storage))
    for key in expect_type(list, interpret(stream, plain)):
        if expect_type(str, key) not in storages:
            raise CheckpointRefused("it lists a storage that no tensor in it uses")
        _fill(storages[key], stream)
    return value


def read_zip(archive: Archive, constructors: Constructors, budget: Budget) -> object:
    """Read torch's format since 1.6: FOLDER/data.pkl beside FOLDER/data/KEY, all stored without compression."""
    folder = pickle_folder(archive.members)
    storages: dict[str, Storage] = {}

    def storage(
        tag: object, kind: object, key: object, _location: object, count: object
    ) -> Storage:
        declared = _declare_once(storages, _storage_key(tag, key), declare_storage(kind, count))
        if declared.data is None:
            member = f"{folder}data/{key}"
            declared.fill(archive.stored_bytes(member), archive.members[member].CRC)
        return declared

    order = f"{folder}byteorder"
    if order in archive.members and bytes(archive.stored_bytes(order)) != b"little":
        raise CheckpointRefused(BIG_ENDIAN)
    name = f"{folder}data.pkl"
    data = archive.stored_bytes(name)
    if zlib.crc32(data) != archive.members[name].CRC:
        raise CheckpointRefused(f"{name[-80:]!r} has a wrong checksum", DOWNLOAD_AGAIN)
    dialect = Dialect(_with_nested_storages(constructors, budget), budget, storage)
    return interpret(Source(data), dialect)


def pickle_folder(members: Iterable[str]) -> str | None:
    """Return the folder of the pickle in torch's zip, with its slash; None if torch did not write the zip."""
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    return pickles[0].removesuffix("data.pkl") if len(pickles) == 1 else None


def _with_nested_storages(constructors: Constructors, budget: Budget) -> Constructors:
    """Add the constructor of storages that are pickles inside the pickle. They share the budget."""
    return {**constructors, LOAD_FROM_BYTES: partial(_storage_from_bytes, budget)}


def _storage_from_bytes(budget: Budget, data: object) -> Storage:
    """Replace `torch.storage._load_from_bytes`: read a stream in torch's legacy format that is one storage."""
    storage = _read_stream(Source(as_view(data)), dict.fromkeys(DTYPES), budget)
    return expect_type(Storage, storage)


def _fill(storage: Storage, stream: Source) -> None:
    count = int.from_bytes(stream.read(8), "little")
    if count != storage.count:
        raise CheckpointRefused(
            f"expected a storage of {storage.count} numbers, got {count}", DOWNLOAD_AGAIN
        )
    storage.fill(stream.view(storage.num_bytes))


def _storage_key(tag: object, key: object) -> str:
    if tag != "storage":
        raise CheckpointRefused(
            "expected only storages outside its pickle, got a reference to other data"
        )
    return expect_type(str, key)


def _declare_once(storages: dict[str, Storage], key: str, storage: Storage) -> Storage:
    """Return the storage of this key. Every declaration of it must be the same."""
    first = storages.setdefault(key, storage)
    if (first.dtype, first.count) != (storage.dtype, storage.count):
        raise CheckpointRefused("it declares one storage with two types or lengths")
    return first
