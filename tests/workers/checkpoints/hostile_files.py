"""Hostile zips, hostile files in HandsOff's format, and files that users upload by mistake."""

import json
import struct
import zipfile
from collections.abc import Callable

from tests.workers.checkpoints.opcodes import Call, dumped, named, stream, torch_zip, zipped

GENERATOR = {"z_dim": 8, "w_dim": 8, "channels": [8, 8], "num_mapping_layers": 1}


def files(system: Call) -> dict[str, bytes]:
    """Return all these files by name. `system` is a call that must not happen."""
    return {**_zips(system), **_ours(), **_mistakes()}


def _zips(system: Call) -> dict[str, bytes]:
    """Return zips that unpack to too much, or whose headers are wrong."""
    hostile = dumped(system)
    whole = torch_zip(hostile)
    wrong_size = bytearray(torch_zip(b"N" * 100))
    start = wrong_size.index(b"PK\x01\x02")
    wrong_size[start + 20 : start + 28] = struct.pack("<II", 2**31, 2**31)
    encrypted = bytearray(whole)
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    corrupt = whole.replace(b"touch", b"torch")
    return {
        "zip with a hostile pickle": whole,
        "zip bomb": zipped({"x/data.pkl": bytes(20_000_000)}, compression=zipfile.ZIP_DEFLATED),
        "zip of a pickle": zipped({"model.pkl": hostile}),
        "zip of a zip": zipped({"model.zip": whole}),
        "zip with two pickles": zipped({"a/data.pkl": hostile, "b/data.pkl": hostile}),
        "zip with a path": zipped({"../data.pkl": hostile}),
        "zip with an absolute path": zipped({"/data.pkl": hostile}),
        "zip with a wrong size": bytes(wrong_size),
        "zip with a password": bytes(encrypted),
        "zip with LZMA": zipped({"x/data.pkl": hostile}, compression=zipfile.ZIP_LZMA),
        "zip with bzip2": zipped({"x/data.pkl": hostile}, compression=zipfile.ZIP_BZIP2),
        "zip with a wrong checksum": corrupt,
        "zip without an end": whole[:-30],
        "zip with nothing else": b"PK\x03\x04",
        "zip from a big-endian machine": torch_zip(hostile, {"x/byteorder": b"big"}),
    }


def _ours() -> dict[str, bytes]:
    """Return files in HandsOff's format with numbers that would fill the memory."""
    safetensors = struct.pack("<Q", 2) + b"{}"
    changes: dict[str, Callable[[dict[str, object]], object]] = {
        "a billion channels": lambda config: {**config, "channels": [10**9, 8]},
        "a billion layers": lambda config: {**config, "num_mapping_layers": 10**9},
        "a billion classes": lambda config: {**config, "num_classes": 10**9},
        "a billion blocks": lambda config: {**config, "channels": [1] * 40},
        "no numbers": lambda config: {**config, "channels": ["8", None]},
        "no list": lambda config: {**config, "channels": 8},
        "unknown fields": lambda config: {**config, "command": "touch"},
        "missing fields": lambda _: {},
        "another shape": lambda _: [1],
        "an unknown architecture": lambda config: {**config, "architecture": "os.system"},
    }
    files = {
        f"our zip with {name}": zipped(
            {
                "generator.json": json.dumps(change(dict(GENERATOR))).encode(),
                "generator.safetensors": safetensors,
            }
        )
        for name, change in changes.items()
    }
    deep = {"generator.json": b"[" * 100_000, "generator.safetensors": safetensors}
    bomb = {"generator.json": bytes(10_000_000), "generator.safetensors": safetensors}
    return files | {
        "our zip with nested JSON": zipped(deep),
        "our zip with a bomb": zipped(bomb, compression=zipfile.ZIP_DEFLATED),
        "our zip without tensors": zipped({"generator.json": b"{}"}),
        "safetensors with a long head": struct.pack("<Q", 100) + b"{" + bytes(50),
        "safetensors with a broken head": struct.pack("<Q", 10) + b"{" + bytes(50),
        "safetensors of nothing": safetensors,
    }


def _mistakes() -> dict[str, bytes]:
    """Return files that users upload by mistake."""
    return {
        "nothing": b"",
        "one byte": b"\x80",
        "a web page": b"<!DOCTYPE html><html></html>",
        "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
        "gzip": b"\x1f\x8b\x08\x00",
        "tar": bytes(257) + b"ustar\x0000",
        "npy": b"\x93NUMPY\x01\x00",
        "npz": zipped({"ws.npy": b"\x93NUMPY\x01\x00"}),
        "text": b"print('touch')\n",
        "a pickle of a number": dumped(1),
        "a pickle without networks": dumped({"weights": [1, 2]}),
        "TensorFlow": stream(named("dnnlib.tflib.network", "Network") + b")\x81"),
        "a diffusion model": dumped({"state_dict": {"model.diffusion_model.in.weight": 1}}),
        "a Lightning checkpoint": dumped(Call("pytorch_lightning.callbacks", "X")),
    }
