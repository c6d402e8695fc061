"""Pickles and zips written by hand, opcode by opcode: what no pickler would write."""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from types import MappingProxyType

from workers.checkpoints.files.torch_files import LEGACY_HEAD

HEAD = b"\x80\x04"


class Call:
    """Pickles as the call of a global: `Call("os", "system", "...")`."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        self.call = module, name, arguments

    def opcodes(self) -> bytes:
        module, name, arguments = self.call
        return named(module, name) + value(arguments) + b"R"


def text(words: str) -> bytes:
    """A string."""
    encoded = words.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def named(module: str, name: str) -> bytes:
    """A global."""
    return f"c{module}\n{name}\n".encode()


def number(count: int) -> bytes:
    """An integer of any size."""
    data = count.to_bytes(16, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def value(thing: object) -> bytes:
    """The opcodes that leave `thing` on the stack."""
    match thing:
        case Call():
            opcodes = thing.opcodes()
        case tuple():
            opcodes = b"(" + b"".join(map(value, thing)) + b"t"
        case list():
            opcodes = b"](" + b"".join(map(value, thing)) + b"e"
        case dict():
            opcodes = b"}(" + b"".join(value(k) + value(v) for k, v in thing.items()) + b"u"
        case str():
            opcodes = text(thing)
        case bytes():
            opcodes = b"B" + struct.pack("<I", len(thing)) + thing
        case int():
            opcodes = number(thing)
        case _:
            opcodes = b"N"
    return opcodes


def stream(*parts: bytes) -> bytes:
    """A pickle of raw opcodes."""
    return HEAD + b"".join(parts) + b"."


def dumped(thing: object) -> bytes:
    """A pickle of a value."""
    return stream(value(thing))


def torch_zip(data: bytes, members: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """A zip as torch writes them, with this pickle in it."""
    return zipped({"x/data.pkl": data, **members})


def zipped(members: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def legacy(data: bytes, keys: object = (), tail: bytes = b"") -> bytes:
    """A file of torch's old form with this pickle in it."""
    machine = {"protocol_version": 1001, "little_endian": True}
    head = LEGACY_HEAD + pickle.dumps(1001, 2) + pickle.dumps(machine, 2)
    return head + data + pickle.dumps(list(keys), 2) + tail  # type: ignore[call-overload]


def storage(kind: str = "FloatStorage", key: object = "0", count: int = 4) -> bytes:
    """A persistent id."""
    parts = b"(" + text("storage") + named("torch", kind) + value(key) + text("cpu")
    return parts + number(count) + b"tQ"


def tensor(inner: bytes, offset: int, size: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """A tensor on a storage."""
    parts = b"(" + inner + number(offset) + value(size) + value(strides) + b"\x89N" + b"t"
    return named("torch._utils", "_rebuild_tensor_v2") + parts + b"R"
