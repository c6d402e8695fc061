"""The files of a diffusers pipeline in a folder, a zip or a tar. A few are read by name, none is unpacked."""

import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from workers.checkpoints.checkpoint import Recognized
from workers.checkpoints.files.archives import open_archive
from workers.checkpoints.files.json_objects import RepeatedField, read_json

INDEX = "model_index.json"

# Newer pipelines have a folder per part. The first published ones have a single network beside the index.
NETWORK_CONFIGS = ("unet/config.json", "config.json")
SCHEDULER_CONFIGS = ("scheduler/scheduler_config.json", "scheduler_config.json")
WEIGHTS = ("unet/diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors")

MAX_JSON_BYTES = 100_000
MAX_FILES = 20_000
MAX_UNPACKING = 4
"""How many times larger the weights may be than their archive, as for HandsOff's own zips."""

SMALL_ARCHIVE_BYTES = 2**20

TAR_MAGIC_AT = 257


@dataclass(frozen=True)
class Pipeline:
    """The files below the index: `names` are relative to its folder, `read` takes a name and a limit of bytes."""

    names: frozenset[str]
    num_bytes: int
    read: Callable[[str, int], bytes]

    def find(self, names: tuple[str, ...]) -> str:
        """Return the first of these names that exists. Raises `Recognized` if none does."""
        for name in names:
            if name in self.names:
                return name
        raise Recognized(
            f"expected {' or '.join(names)} beside its {INDEX}, got neither",
            "Save it with save_pretrained(..., safe_serialization=True).",
        )

    def read_json(self, name: str) -> dict[str, Any]:
        """Return an object from a JSON file. Raises `Recognized`."""
        data = self.read(name, MAX_JSON_BYTES)
        try:
            values = read_json(data)
        except RepeatedField as error:
            raise Recognized(f"its {name} {error}", "Keep one of them.") from error
        except (ValueError, RecursionError) as error:
            raise Recognized(f"its {name} is not readable as JSON") from error
        if not isinstance(values, dict):
            raise Recognized(f"expected an object in its {name}, got another value")
        return values

    def read_weights(self) -> bytes:
        """Return the bytes of the network's safetensors. Raises `Recognized`."""
        limit = MAX_UNPACKING * self.num_bytes + SMALL_ARCHIVE_BYTES
        return self.read(self.find(WEIGHTS), limit)


@contextmanager
def open_pipeline(path: Path) -> Iterator[Pipeline | None]:
    """Open a folder or an archive; None if it has no index, so it is no diffusers pipeline."""
    if path.is_dir():
        yield _of_folder(path)
        return
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK\x03\x04"):
        with open_archive(path) as archive:
            sizes = {name: info.file_size for name, info in archive.members.items()}
            yield _pipeline(sizes, archive.zip_bytes, archive.read)
    elif head[TAR_MAGIC_AT:].startswith(b"ustar"):
        with tarfile.open(path, "r:") as tar:  # not compressed: a bomb would need a decompressor
            yield _of_tar(tar, path.stat().st_size)
    else:
        yield None


def _of_folder(folder: Path) -> Pipeline | None:
    known = (INDEX, *NETWORK_CONFIGS, *SCHEDULER_CONFIGS, *WEIGHTS)
    sizes = {name: (folder / name).stat().st_size for name in known if (folder / name).is_file()}
    return _pipeline(sizes, sum(sizes.values()), lambda name, _limit: (folder / name).read_bytes())


def _of_tar(tar: tarfile.TarFile, num_bytes: int) -> Pipeline | None:
    members: dict[str, tarfile.TarInfo] = {}
    for info in tar:
        if len(members) > MAX_FILES:
            raise Recognized(f"expected at most {MAX_FILES} files in its tar, got more")
        if info.isreg() and not info.issparse():
            name = info.name.removeprefix("./")
            if name in members:
                raise Recognized(f"its tar has two members {name[-80:]!r}")
            members[name] = info

    def read(name: str, max_bytes: int) -> bytes:
        file = tar.extractfile(members[name])
        return b"" if file is None else file.read(max_bytes)

    return _pipeline({name: info.size for name, info in members.items()}, num_bytes, read)


def _pipeline(
    sizes: Mapping[str, int], num_bytes: int, read: Callable[[str, int], bytes]
) -> Pipeline | None:
    """Return the files below the index, which is at the top or in one folder; check names and sizes."""
    found = [name for name in sizes if name == INDEX or name.endswith(f"/{INDEX}")]
    if not found:
        return None
    if len(found) > 1:
        raise Recognized(f"expected one {INDEX}, got {len(found)}")
    for name in sizes:
        _check_name(name)
    folder = found[0].removesuffix(INDEX)

    def read_below(name: str, max_bytes: int) -> bytes:
        if sizes[folder + name] > max_bytes:
            raise Recognized(
                f"expected at most {max_bytes} bytes in its {name}, got {sizes[folder + name]}"
            )
        return read(folder + name, max_bytes)

    names = frozenset(name.removeprefix(folder) for name in sizes if name.startswith(folder))
    return Pipeline(names, num_bytes, read_below)


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise Recognized(
            f"expected relative names without '..' in its archive, got {name[-80:]!r}",
            "Pack the folder again.",
        )
