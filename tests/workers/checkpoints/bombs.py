"""Files of at most 20 MB that would fill the memory or take minutes in a careless reader."""

import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from models.generators.stylegan2.config import GeneratorConfig
from tests.workers.checkpoints.hostile import g_ema
from tests.workers.checkpoints.opcodes import (
    legacy,
    named,
    number,
    storage,
    stream,
    tensor,
    text,
    torch_zip,
    value,
    zipped,
)
from workers.checkpoints.stylegan2.drafts import format_name, network_shapes
from workers.checkpoints.stylegan2.rosinality import GENERATOR_NAMES

MB = 10**6
TOO_LARGE = struct.pack("<Q", 2**62)


def bombs() -> Mapping[str, Callable[[], bytes]]:
    """Return a function for each file, by name. Built one at a time, the files need little memory here."""
    return MappingProxyType({**_pickles(), **_networks(), **_zips(), **_safetensors()})


def _pickles() -> dict[str, Callable[[], bytes]]:
    encode = named("_codecs", "encode") + b"q\x00" + text("a" * 9 * MB) + text("latin1")
    arguments = encode + b"\x86q\x01RN"
    pairs = value([(str(k), k) for k in range(20_000)])
    load = named("torch.storage", "_load_from_bytes")
    kept = stream(_old(storage(count=4 * MB)))
    blob = legacy(kept, ["0"], struct.pack("<q", 4 * MB) + bytes(16 * MB))
    busy = legacy(stream(b"N" * 50_000 + _old(storage(count=0))), [])
    return {
        "bytes built from one text again and again": lambda: stream(
            arguments + b"h\x00h\x01R" * 100_000
        ),
        "dictionaries of the same pairs": lambda: stream(
            named("collections", "OrderedDict") + b"q\x00" + pairs + b"\x85q\x01" + _calls(50_000)
        ),
        "sets of the same items": lambda: stream(
            named("builtins", "set")
            + b"q\x00"
            + value(list(range(20_000)))
            + b"\x85q\x01"
            + _calls(50_000)
        ),
        "one storage read again and again": lambda: stream(
            load + b"q\x00" + value(blob) + b"\x85q\x01" + _calls(50_000)
        ),
        "one busy pickle read again and again": lambda: stream(
            load + b"q\x00" + value(busy) + b"\x85q\x01" + _calls(50_000)
        ),
        "sizes of the same long tuple": lambda: torch_zip(
            stream(
                named("torch._utils", "_rebuild_tensor_v2")
                + b"q\x00("
                + storage()
                + number(0)
                + value(tuple(range(20_000)))
                + b"q\x02h\x02\x89Ntq\x01"
                + _calls(50_000)
            ),
            {"x/data/0": bytes(16)},
        ),
        "a number of 19 MB": lambda: stream(b"\x8b" + struct.pack("<i", 19 * MB) + bytes(19 * MB)),
        "a text that says it is larger": lambda: stream(b"\x8d" + TOO_LARGE + bytes(19 * MB)),
        "bytes that say they are larger": lambda: stream(b"\x8e" + TOO_LARGE + bytes(19 * MB)),
        "a text of wide characters": lambda: stream(text("a" * 18 * MB + "\U0001f600")),
        "19 million tuples in tuples": lambda: stream(b")" + b"\x85" * 19 * MB),
        "19 million marks": lambda: stream(b"(" * 19 * MB),
        "19 million dictionaries": lambda: stream(b"}" * 19 * MB),
        "a line of 19 MB": lambda: stream(b"c" + b"a" * 19 * MB),
        "many keys for one dictionary": lambda: torch_zip(_shared_state(), {"x/data/0": bytes(16)}),
        "modules that share their tensors": _shared_modules,
    }


def _calls(count: int) -> bytes:
    """Call memo 0 with the arguments in memo 1, `count` times. The results go into one list."""
    return b"]" + b"(" + b"h\x00h\x01R" * count + b"e"


def _old(identity: bytes) -> bytes:
    return identity.removesuffix(b"tQ") + b"NtQ"


def _shared_state() -> bytes:
    names = b"".join(text(f"n{k}") + b"h\x00" for k in range(20_000))
    state = tensor(storage(), 0, (1,), (1,)) + b"q\x00" + b"}(" + names + b"uq\x01"
    keys = b"".join(text(f"k{k}") + b"h\x01" for k in range(5_000))
    return stream(state + b"}(" + keys + b"u")


def _shared_modules() -> bytes:
    """Return 1,900 modules with the same 15,000 tensors."""
    names = b"".join(text("n" * 150 + str(k)) + b"h\x00" for k in range(15_000))
    load = named("torch.storage", "_load_from_bytes")
    kept = legacy(stream(_old(storage())), ["0"], struct.pack("<q", 4) + bytes(16))
    parts = load + b"(" + value(kept) + b"tRq\x07" + tensor(b"h\x07", 0, (1,), (1,)) + b"q\x00"
    parts += b"}(" + names + b"uq\x01"
    reconstruct = named("torch_utils.persistence", "_reconstruct_persistent_obj")
    leaf = reconstruct + b"(}(" + text("type") + text("class") + text("class_name") + text("G")
    leaf += text("state") + b"}(" + text("_parameters") + b"h\x01" + text("_modules")
    modules = leaf + b"Nuu" + b"tRq\x02"
    children = b"".join(text(f"c{k}") + b"h\x02" for k in range(1_900))
    top = leaf + b"}(" + children + b"u" + b"uutR"
    return stream(parts + modules + b"}" + text("G_ema") + top + b"s")


def _networks() -> dict[str, Callable[[], bytes]]:
    """Return valid generators: as large as a file may declare, or slow to read or to run."""
    wide = GeneratorConfig(z_dim=512, w_dim=512, channels=(512,) * 3, num_mapping_layers=8)
    deep = GeneratorConfig(z_dim=2048, w_dim=2048, channels=(8,) * 3, num_mapping_layers=4)
    noisy = GeneratorConfig(z_dim=1, w_dim=1, channels=(1,) * 10, num_mapping_layers=1)
    return {
        "a generator of one storage": lambda: _one_storage(wide),
        "a mapping network of one storage": lambda: _one_storage(deep),
        "noise maps of one storage": lambda: _one_storage(noisy),
    }


def _one_storage(config: GeneratorConfig) -> bytes:
    """Return a generator under rosinality's names whose tensors all end at the end of the same 18 MB."""
    count = 18 * MB // 4
    items = []
    for name, shape in network_shapes(config).items():
        if name.endswith("w_mean"):
            continue
        if name == "blocks.0.const" or name.endswith("noise_const"):
            shape = (1, 1, *shape)[-4:]  # noqa: PLW2901 - the shape in their files
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        used = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        items.append(
            text(format_name(name, GENERATOR_NAMES))
            + tensor(storage(count=count), count - 1 - used, tuple(shape), tuple(strides))
        )
    return torch_zip(g_ema(b"}(" + b"".join(items) + b"u"), {"x/data/0": bytes(4 * count)})


def _zips() -> dict[str, Callable[[], bytes]]:
    return {
        "our zip that unpacks to 15 GB": _deflate_bomb,
        "members that overlap": _overlapping,
        "a directory of 300,000 members": lambda: _directory(300_000),
        "our zip with as much as it may have": _padded,
    }


def _deflate_bomb() -> bytes:
    """Repeat a deflate block: a megabyte of zeros takes a kilobyte."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = squeeze.compress(bytes(MB)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    data = block * (15 * MB // len(block)) + squeeze.flush()
    whole = zipped({"generator.json": b"{}", "generator.safetensors": data})
    start = whole.rindex(b"PK\x01\x02")  # the directory's entry of the weights
    entry = bytearray(whole[start:])
    entry[10:12] = struct.pack("<H", zipfile.ZIP_DEFLATED)
    entry[24:28] = struct.pack("<I", 2**32 - 2)  # the declared size
    return whole[:start] + bytes(entry)


def _overlapping() -> bytes:
    """Return a zip of torch's whose 1,000 storages are the same 18 MB."""
    whole = torch_zip(g_ema(storage()), {"x/data/0": bytes(18 * MB)})
    end = whole.rindex(b"PK\x05\x06")
    start = whole.rindex(b"PK\x01\x02")
    entry, tail = whole[start:end], bytearray(whole[end:])
    entries = [entry.replace(b"x/data/0", f"x/d{k:05d}".encode()) for k in range(1_000)]
    tail[8:12] = struct.pack("<HH", 1_002, 1_002)
    old_size = struct.unpack("<I", tail[12:16])[0]
    tail[12:16] = struct.pack("<I", old_size + len(entry) * 1_000)
    return whole[:end] + b"".join(entries) + bytes(tail)


def _directory(count: int) -> bytes:
    """Return a zip of one member, with a directory that lists it many times."""
    entry = struct.Struct("<4s6H3I5H2I")
    fields = (b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry.pack(*fields) + f"{k:06d}".encode() for k in range(count))
    head = b"PK\x03\x04" + bytes(26) + b"000000"
    end = (b"PK\x05\x06", 0, 0, count % 65_536, count % 65_536, len(directory), len(head), 0)
    return head + directory + struct.pack("<4s4H2IH", *end)


def _padded() -> bytes:
    """Return a zip with half-precision weights that deflate to almost nothing, and 19 MB that are not read."""
    config = GeneratorConfig(z_dim=512, w_dim=512, channels=(1024, 512, 512), num_mapping_layers=2)
    header, offset = {}, 0
    for name, shape in network_shapes(config).items():
        end = offset + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("generator.json", json.dumps(config.to_dict()))
        archive.writestr(
            "generator.safetensors", _safetensors_file(json.dumps(header).encode(), bytes(offset))
        )
        archive.writestr("padding", bytes(19 * MB), zipfile.ZIP_STORED)
    return out.getvalue()


def _safetensors_file(head: bytes, data: bytes = bytes(16)) -> bytes:
    return struct.pack("<Q", len(head)) + head + data


def _safetensors() -> dict[str, Callable[[], bytes]]:
    tiny = ",".join(
        f'"{k}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for k in range(300_000)
    )
    huge = '{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    wraps = '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}}'
    return {
        "a header of 19 MB": lambda: _safetensors_file(b'{"a":[' + b"[]," * 6_300_000 + b"[]]}"),
        "300,000 tensors of nothing": lambda: _safetensors_file(f"{{{tiny}}}".encode()),
        "a shape of 10^12": lambda: _safetensors_file(huge.encode()),
        "a shape that wraps": lambda: _safetensors_file(wraps.encode()),
    }
