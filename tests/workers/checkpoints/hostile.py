"""Files that would run code, fill the memory or hang a careless reader. Code that runs leaves a trace."""

import struct

from tests.workers.checkpoints.hostile_files import files
from tests.workers.checkpoints.opcodes import (
    HEAD,
    Call,
    dumped,
    legacy,
    named,
    number,
    storage,
    stream,
    tensor,
    text,
    torch_zip,
    value,
)
from workers.checkpoints.files.budget import MAX_STEPS

CANARY = "canary"


def corpus() -> dict[str, bytes]:
    """Return all hostile files by name. A file whose code runs creates `CANARY`, or imports the module `this`."""
    touch = f"touch {CANARY}"
    python = f"open({CANARY!r}, 'w')"
    system = Call("os", "system", touch)
    return {
        **_calls(touch, python),
        **_opcodes(touch, system),
        **_shapes_of_checkpoints(python, system),
        **_bombs(),
        **_storages(),
        **files(system),
    }


def _calls(touch: str, python: str) -> dict[str, bytes]:
    """Return pickles that call something dangerous."""
    importing = Call("builtins", "__import__", "os")
    getting = Call("builtins", "getattr", importing, "system")
    calls: dict[str, object] = {
        "os.system": Call("os", "system", touch),
        "posix.system": Call("posix", "system", touch),
        "eval": Call("builtins", "eval", python),
        "exec": Call("builtins", "exec", python),
        "python 2 eval": Call("__builtin__", "eval", python),
        "compile": Call("builtins", "compile", python, "x", "exec"),
        "open": Call("builtins", "open", CANARY, "w"),
        "import": Call("builtins", "__import__", "this"),
        "getattr": getting,
        "subprocess": Call("subprocess", "Popen", ["sh", "-c", touch]),
        "runpy": Call("runpy", "run_path", CANARY),
        "methodcaller": Call("operator", "methodcaller", "system", touch),
        "partial": Call("functools", "partial", getting, touch),
        "pty": Call("pty", "spawn", ["sh", "-c", touch]),
        "torch.load": Call("torch", "load", CANARY),
        "torch.hub": Call("torch.hub", "load", "x", "y"),
        "numpy.load": Call("numpy", "load", CANARY, None, 1),
        "inner pickle": Call("pickle", "loads", dumped(Call("os", "system", touch))),
        "reconstructor": Call("copyreg", "_reconstructor", getting, None, None),
        "a name of a name": Call("collections", "OrderedDict.__init__.__globals__"),
        "eval in a dictionary's pairs": Call(
            "collections", "OrderedDict", [("a", Call("builtins", "eval", python))]
        ),
        "our own reader": Call("workers.checkpoints.files.pickles", "interpret", touch),
    }
    return {f"call {name}": dumped(call) for name, call in calls.items()}


def _opcodes(touch: str, system: Call) -> dict[str, bytes]:
    """Return every way to reach a global without REDUCE, and state that would replace methods."""
    command = text(touch)
    os_system = text("os") + text("system") + b"\x93"
    ordered = named("collections", "OrderedDict")
    state = value({"__setstate__": 1})
    raw = {
        "STACK_GLOBAL": os_system + b"(" + command + b"tR",
        "STACK_GLOBAL of numbers": number(1) + number(2) + b"\x93",
        "INST": b"(" + command + b"ios\nsystem\n",
        "OBJ": b"(" + named("os", "system") + command + b"o",
        "NEWOBJ": named("os", "system") + b"(" + command + b"t\x81",
        "NEWOBJ_EX": ordered + b")}\x92",
        "EXT1": b"\x82\x01",
        "EXT2": b"\x83\x01\x00",
        "EXT4": b"\x84\x01\x00\x00\x00",
        "PERSID": b"Pos.system\n",
        "BINPERSID": b"(" + text("os") + command + b"tQ",
        "BUILD of a global": ordered + state + b"b",
        "BUILD of a list": b"]" + state + b"b",
        "BUILD twice": ordered + b")R" + state + b"b" + system.opcodes() + b"b",
        "call of a string": command + b")R",
        "call of a dictionary": ordered + b")R)R",
        "arguments that are a list": ordered + b"]R",
        "a list as a key": b"}]Ns",
        "a list in a set": b"\x8f(]\x90",
        "items of no dictionary": b"](NNu",
        "elements of no list": b"}(Ne",
        "an empty stack": b"R",
        "no mark": b"t",
        "an unknown memo": b"h\x07",
        "an unknown opcode": b"\xff",
        "DUP and POP": b"}20",
        "INT": b"I12\n",
        "LONG of many digits": b"L" + b"9" * 5000 + b"L\n",
        "STRING": b"S'x'\n",
        "bytes in utf-16": named("_codecs", "encode") + b"(" + text("a") + text("utf-16") + b"tR",
    }
    protocol_0 = b"cos\nsystem\n(S'" + touch.encode() + b"'\ntR."
    return {"protocol 0": protocol_0} | {name: stream(parts) for name, parts in raw.items()}


def _shapes_of_checkpoints(python: str, system: Call) -> dict[str, bytes]:
    """Return checkpoints with hostile objects in the places of harmless ones."""
    hidden = Call("torch.storage", "_load_from_bytes", dumped(system))
    hidden_legacy = Call("torch.storage", "_load_from_bytes", legacy(dumped(system)))
    parts: dict[str, object] = {"_parameters": {}, "_buffers": {}, "_modules": {}}
    tops: dict[str, object] = {
        "in G_ema": {"G_ema": system},
        "beside G_ema": {"training_set_kwargs": system, "G_ema": module(parts, "")},
        "in the source of a network": {"G_ema": module(parts, python)},
        "in a module's state": {"G_ema": module({"_parameters": {"weight": system}}, "")},
        "in a storage": {"G_ema": hidden},
        "in a storage of torch's old form": {"G_ema": hidden_legacy},
        "a storage in a storage": Call(
            "torch.storage",
            "_load_from_bytes",
            legacy(dumped(Call("torch.storage", "_load_from_bytes", b"x"))),
        ),
        "a module that is a number": {"G_ema": module({"_modules": {"mapping": 1}}, "")},
        "a persistent function": Call(
            "torch_utils.persistence", "_reconstruct_persistent_obj", {"type": "function"}
        ),
        "in an array of objects": Call(
            "numpy._core.multiarray", "_reconstruct", Call("numpy", "ndarray"), system
        ),
    }
    return {f"hostile {name}": dumped(top) for name, top in tops.items()}


def _bombs() -> dict[str, bytes]:
    """Return files that would take unlimited memory or time."""
    nested = b")" + b"\x85" * 50_000
    a_and_b = b"}(" + text("a") + b"h\x00" + text("b") + b"h\x00" + b"u"
    looped = _module(b"}q\x01") + b"q\x02" + b"h\x01" + text("_modules")
    looped += b"}" + text("self") + b"h\x02ss"
    doubled = _module(b"}" + text("_modules") + a_and_b + b"s") + b"q\x00"
    in_g_ema = b"}" + text("G_ema") + b"h\x02s"
    doubled_dictionaries = b"}q\x00" + (a_and_b + b"q\x00") * 60
    return {
        "memo far away": stream(b"Nr\xff\xff\xff\x7f"),
        "bytes of 4 GB": stream(b"B\xff\xff\xff\xff"),
        "bytes of 4 EB": stream(b"\x8e" + b"\xff" * 7 + b"\x3f"),
        "text of 4 EB": stream(b"\x8d" + b"\xff" * 7 + b"\x3f"),
        "bytearray of 4 EB": stream(b"\x96" + b"\xff" * 7 + b"\x3f"),
        "frame of 4 EB": HEAD + b"\x95" + b"\xff" * 7 + b"\x3f" + b"N.",
        "number of 2 GB": stream(b"\x8b\xff\xff\xff\x7f"),
        "text of 2 MB": stream(text("a" * 2_000_000)),
        "more operations than any network needs": stream(b"N" * (MAX_STEPS + 1)),
        "tuples nested deep": stream(nested),
        "tuples nested deep as a key": stream(b"}" + nested + b"Ns"),
        "lists nested deep": stream(b"]" * 50_000 + b"a" * 49_999),
        "a list of itself": stream(b"]q\x00h\x00a"),
        "dictionaries doubled sixty times": stream(doubled_dictionaries),
        "doubled dictionaries as an encoding": stream(
            doubled_dictionaries + named("_codecs", "encode") + b"(" + text("a") + b"h\x00tR"
        ),
        "a module in itself": stream(looped + in_g_ema),
        "modules doubled sixty times": stream(b"Nq\x00" + doubled * 60 + b"q\x02" + in_g_ema),
    }


def _module(state: bytes) -> bytes:
    """Return a network in NVIDIA's format from the opcodes of its state."""
    meta = b"}(" + text("type") + text("class") + text("class_name") + text("Generator")
    reconstruct = named("torch_utils.persistence", "_reconstruct_persistent_obj")
    return reconstruct + b"(" + meta + text("state") + state + b"utR"


def _storages() -> dict[str, bytes]:
    """Return tensors that are larger than their file, or outside it."""
    four = {"x/data/0": bytes(16)}

    def zipped_tensor(inner: bytes, *where: object) -> bytes:
        data = g_ema(b"}" + text("conv1.conv.weight") + tensor(inner, *where) + b"s")  # type: ignore[arg-type]
        return torch_zip(data, four)

    return {
        "strides of 0": zipped_tensor(storage(), 0, (10**9,), (0,)),
        "beyond its storage": zipped_tensor(storage(), 0, (5,), (1,)),
        "offset beyond": zipped_tensor(storage(), 4, (1,), (1,)),
        "negative offset": zipped_tensor(storage(), -1, (1,), (1,)),
        "negative stride": zipped_tensor(storage(), 3, (2,), (-1,)),
        "size beyond 64 bits": zipped_tensor(storage(), 0, (2**100,), (1,)),
        "many dimensions": zipped_tensor(storage(), 0, (1,) * 100, (1,) * 100),
        "sizes without strides": zipped_tensor(storage(), 0, (2, 2), (1,)),
        "storage of 2^60 numbers": torch_zip(g_ema(storage(count=2**60)), four),
        "storage larger than its file": torch_zip(g_ema(storage(count=5)), four),
        "storage of a global": torch_zip(g_ema(storage("load")), four),
        "storage announced twice": torch_zip(
            stream(b"(" + storage() + storage("LongStorage", count=2) + b"t"), four
        ),
        "storage with a path": torch_zip(g_ema(storage(key="../../../etc/passwd")), four),
        "storage with a number for a key": torch_zip(g_ema(storage(key=0)), four),
        "other persistent id": torch_zip(stream(b"(" + text("module") + b"NNNNtQ"), four),
        "persistent id that is no tuple": torch_zip(stream(text("os") + b"Q"), four),
        "persistent id in a plain pickle": stream(storage()),
        "old form without data": legacy(stream(_old(storage())), ["0"]),
        "old form with less data": legacy(stream(_old(storage())), ["0"], _counted(4, 15)),
        "old form with another count": legacy(stream(_old(storage())), ["0"], _counted(3, 12)),
        "old form with a foreign key": legacy(stream(_old(storage())), ["1"], _counted(4, 16)),
    }


def _old(identity: bytes) -> bytes:
    """Return a persistent id of the legacy format, which has one more part."""
    return identity.removesuffix(b"tQ") + b"NtQ"


def _counted(count: int, num_bytes: int) -> bytes:
    return struct.pack("<q", count) + bytes(num_bytes)


def g_ema(inner: bytes) -> bytes:
    """Return a pickle of {"g_ema": ...}, the start of rosinality's files."""
    return stream(b"}" + text("g_ema") + inner + b"s")


def module(state: object, source: str) -> Call:
    """Return a network in NVIDIA's format, with its source code."""
    meta = {"type": "class", "version": 6, "module_src": source, "class_name": "Generator"}
    reconstruct = ("torch_utils.persistence", "_reconstruct_persistent_obj")
    return Call(*reconstruct, {**meta, "state": state})
