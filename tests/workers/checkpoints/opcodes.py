"""Write pickles and zips opcode by opcode, including ones that no pickler would write."""

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping
from types import MappingProxyType

from workers.checkpoints.files.torch_files import LEGACY_HEAD

HEAD = b"\x80\x04"


class Call:
    """The call of a global in a pickle: `Call("os", "system", "...")`."""

    def __init__(self, module: str, name: str, *arguments: object) -> None:
        self.call = module, name, arguments

    def opcodes(self) -> bytes:
        module, name, arguments = self.call
        return named(module, name) + value(arguments) + b"R"


def text(words: str) -> bytes:
    """Return the opcode of a string."""
    encoded = words.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def named(module: str, name: str) -> bytes:
    """Return the opcode of a global."""
    return f"c{module}\n{name}\n".encode()


def number(count: int) -> bytes:
    """Return the opcode of an integer of up to 16 bytes."""
    data = count.to_bytes(16, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def value(item: object) -> bytes:
    """Return the opcodes that push `item`."""
    match item:
        case Call():
            opcodes = item.opcodes()
        case tuple():
            opcodes = b"(" + b"".join(map(value, item)) + b"t"
        case list():
            opcodes = b"](" + b"".join(map(value, item)) + b"e"
        case dict():
            opcodes = b"}(" + b"".join(value(k) + value(v) for k, v in item.items()) + b"u"
        case str():
            opcodes = text(item)
        case bytes():
            opcodes = b"B" + struct.pack("<I", len(item)) + item
        case int():
            opcodes = number(item)
        case _:
            opcodes = b"N"
    return opcodes


def stream(*parts: bytes) -> bytes:
    """Return a pickle of raw opcodes."""
    return HEAD + b"".join(parts) + b"."


def dumped(item: object) -> bytes:
    """Return a pickle of a value."""
    return stream(value(item))


def torch_zip(data: bytes, members: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """Return a zip in torch's format with this pickle."""
    return zipped({"x/data.pkl": data, **members})


def zipped(members: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def legacy(data: bytes, keys: object = (), tail: bytes = b"") -> bytes:
    """Return a file in torch's legacy format with this pickle."""
    machine = {"protocol_version": 1001, "little_endian": True}
    head = LEGACY_HEAD + pickle.dumps(1001, 2) + pickle.dumps(machine, 2)
    return head + data + pickle.dumps(list(keys), 2) + tail  # type: ignore[call-overload]


def storage(kind: str = "FloatStorage", key: object = "0", count: int = 4) -> bytes:
    """Return the persistent id of a storage."""
    parts = b"(" + text("storage") + named("torch", kind) + value(key) + text("cpu")
    return parts + number(count) + b"tQ"


def tensor(inner: bytes, offset: int, size: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """Return a tensor on a storage."""
    parts = b"(" + inner + number(offset) + value(size) + value(strides) + b"\x89N" + b"t"
    return named("torch._utils", "_rebuild_tensor_v2") + parts + b"R"
