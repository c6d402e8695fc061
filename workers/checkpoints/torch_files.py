"""The three ways in which published files hold a pickle and its tensors: plain, torch's old stream, torch's zip."""

from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile

from workers.checkpoints.checkpoint import CheckpointRefused
from workers.checkpoints.pickles import (
    Dialect,
    Making,
    Stream,
    dictionary,
    exactly,
    interpret,
    latin1_bytes,
    set_of,
)
from workers.checkpoints.tensors import (
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

MAX_PICKLE_BYTES = 256 * 2**20
"""Of a zip's data.pkl, which holds no tensor data; real ones have some hundred kB."""


def storage_from_bytes(data: object) -> Storage:
    """What stands for `torch.storage._load_from_bytes`: a stream of torch's old form that is one storage."""
    return exactly(Storage, read_legacy(BytesIO(exactly(bytes, data)), dict.fromkeys(DTYPES)))


# Everything that a checkpoint of any published form mentions, and what we put in its place. What is None is kept as a
# description that nobody reads: settings of a training run, NumPy numbers among the attributes of modules.
NAMES: Mapping[str, Making | None] = {
    "collections.OrderedDict": dictionary,
    "dnnlib.util.EasyDict": dictionary,
    "builtins.set": set_of,
    "__builtin__.set": set_of,
    "_codecs.encode": latin1_bytes,
    "torch._utils._rebuild_tensor_v2": rebuild_tensor,
    "torch._utils._rebuild_parameter": rebuild_parameter,
    "torch.storage._load_from_bytes": storage_from_bytes,
    "argparse.Namespace": None,
    "numpy.dtype": None,
    "numpy.ndarray": None,
    "numpy.core.multiarray.scalar": None,
    "numpy._core.multiarray.scalar": None,
    "numpy.core.multiarray._reconstruct": None,
    "numpy._core.multiarray._reconstruct": None,
    **dict.fromkeys(DTYPES),
}


def read_pickle(stream: Stream, names: Mapping[str, Making | None]) -> object:
    """A plain pickle, as NVIDIA's are."""
    return interpret(stream, Dialect(names))


def read_legacy(stream: Stream, names: Mapping[str, Making | None]) -> object:
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

    plain = Dialect({})
    head = interpret(stream, plain), interpret(stream, plain)
    if head != (LEGACY_MAGIC, LEGACY_PROTOCOL):
        raise CheckpointRefused("it begins like a file of torch's old form and goes on otherwise")
    machine = exactly(dict, interpret(stream, plain))
    if machine.get("little_endian") is not True:
        raise CheckpointRefused("it was written on a big-endian machine; write it again on another")
    value = interpret(stream, Dialect(names, storage))
    for key in exactly(list, interpret(stream, plain)):
        if exactly(str, key) not in storages:
            raise CheckpointRefused("it lists a storage that nothing in it uses")
        count = int.from_bytes(stream.read(8), "little")
        if count != storages[key].count:
            raise CheckpointRefused("a storage is cut short or of another length than announced")
        storages[key].fill(memoryview(stream.read(storages[key].num_bytes)))
    return value


def read_zip(archive: ZipFile, names: Mapping[str, Making | None]) -> object:
    """Torch's form since 1.6: FOLDER/data.pkl beside FOLDER/data/KEY, all of it stored as it is."""
    folder = pickle_folder(archive)
    storages: dict[str, Storage] = {}

    def storage(
        tag: object, kind: object, key: object, _location: object, count: object
    ) -> Storage:
        known = _same(storages, _identity(tag, key), announced(kind, count))
        if known.data is None:
            known.fill(memoryview(_member(archive, f"{folder}data/{key}", known.num_bytes)))
        return known

    if f"{folder}byteorder" in archive.namelist():
        order = _member(archive, f"{folder}byteorder", 16)
        if order != b"little":
            raise CheckpointRefused(
                "it was written on a big-endian machine; write it again on another"
            )
    data = _member(archive, f"{folder}data.pkl", MAX_PICKLE_BYTES)
    return interpret(BytesIO(data), Dialect(names, storage))


def pickle_folder(archive: ZipFile) -> str | None:
    """The folder in which torch's zip keeps its pickle, with its slash; None when the zip is none of torch's."""
    found = [
        name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")
    ]
    return found[0].removesuffix("data.pkl") if len(found) == 1 else None


def _member(archive: ZipFile, name: str, max_bytes: int) -> bytes:
    """A member's bytes, after a look at its size; compressed ones are refused, torch compresses nothing."""
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise CheckpointRefused(
            f"its zip lacks {name[-100:]!r}, which its pickle refers to"
        ) from None
    if member.compress_type != ZIP_STORED or member.file_size != member.compress_size:
        raise CheckpointRefused("its zip is compressed; torch writes no such files")
    if member.file_size > max_bytes:
        raise CheckpointRefused(
            f"{name[-100:]!r} has {member.file_size} bytes where at most {max_bytes} belong"
        )
    return archive.read(member)


def _identity(tag: object, key: object) -> str:
    if tag != "storage":
        raise CheckpointRefused("it refers to outside data in a way that torch does not")
    return exactly(str, key)


def _same(storages: dict[str, Storage], key: str, storage: Storage) -> Storage:
    """The storage of this key, which must be announced in the same way every time."""
    known = storages.setdefault(key, storage)
    if (known.dtype, known.count) != (storage.dtype, storage.count):
        raise CheckpointRefused("it announces one storage in two ways")
    return known
