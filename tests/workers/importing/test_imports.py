"""An import from its request to its manifest: its generator, its refusals, and the objects that it leaves."""

import io
import os
import pickle
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch

from contracts.generators.generator import GeneratorManifest, GeneratorRequest
from contracts.generators.import_options import ImportOptions
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobStatus
from models.generators.stylegan2.inversion.encoder import build_encoder
from models.serialization import unpack
from state import records
from state.settings import Settings
from tests.workers.checkpoints.diffusion.guided_nets import FIXTURES as GUIDED
from tests.workers.checkpoints.diffusion.guided_nets import OPTIONS
from tests.workers.importing.imports import add_inverter, request_import
from tests.workers.scene import Scene, write_generator
from workers.codecs.images import decode_image
from workers.families.family import load_generator
from workers.families.table import FAMILIES
from workers.importing import imports
from workers.importing.generator_samples import COLUMNS, NUM_SAMPLES
from workers.runtime.artefacts import read_artefact
from workers.runtime.machine import Machine
from workers.runtime.weights import read_network

CHECKPOINTS = Path(__file__).parents[2] / "fixtures" / "checkpoints"
ADA = CHECKPOINTS / "nvidia-ada-skip-32.pkl"


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def run(machine: Machine, request: GeneratorRequest) -> GeneratorManifest:
    """Run an import; return its manifest."""
    imports.run(machine, str(request.ref), 1)
    manifest = records.read_manifest(machine.store, request.ref, GeneratorManifest)
    assert manifest is not None
    return manifest


def error_code(manifest: GeneratorManifest) -> str:
    """Return the error code of a failed import. The error is not retryable."""
    assert manifest.status is JobStatus.FAILED
    assert manifest.error is not None
    assert not manifest.error.retryable
    return manifest.error.code


def left(machine: Machine) -> list[str]:
    """Return the names of all stored objects except requests and manifests."""
    names = (info.key.rpartition("/")[2] for info in machine.store.list("tenants"))
    return [name for name in names if name not in ("request.json", "manifest.json")]


@pytest.fixture
def impatient(machine: Machine) -> Machine:
    """A machine whose imports have a limit of zero seconds."""
    settings = machine.settings.model_copy(update={"import_wall": timedelta(0)})
    return limited(machine, settings)


def limited(machine: Machine, settings: Settings) -> Machine:
    """Return the same machine with other settings."""
    fields = {name: getattr(machine, name) for name in machine.__dataclass_fields__}
    return Machine(**{**fields, "settings": settings})


def test_a_checkpoint_becomes_a_generator(machine: Machine) -> None:
    """The network is stored with a sheet and statistics of its samples, and the original is deleted."""
    request = request_import(machine, ADA.read_bytes())
    manifest = run(machine, request)
    generator = manifest.generator
    assert generator is not None, manifest.error
    assert (generator.height_px, generator.width_px, generator.name, generator.license) == (
        32,
        32,
        "faces",
        "CC0",
    )
    assert len(generator.taps) == generator.own_facts["num_ws"]
    assert generator.discriminator is not None
    assert load_generator(machine.loader, FAMILIES, generator).layout.image_px == (32, 32)
    assert generator.sheet is not None
    rows = NUM_SAMPLES // COLUMNS
    sheet = decode_image(read_artefact(machine.store, generator.sheet))
    assert sheet.shape == (rows * 32, COLUMNS * 32, 3)
    assert generator.statistics is not None
    statistics = unpack(read_artefact(machine.store, generator.statistics))
    assert statistics["mean"].shape == statistics["deviation"].shape == (3, 32, 32)
    assert list(machine.store.list("tenants/default/uploads")) == []
    assert run(machine, request) == manifest, "a second run changes nothing"


@pytest.mark.parametrize("half", [False, True])
def test_an_inverter_in_the_zip_becomes_the_generators(
    machine: Machine, tmp_path: Path, *, half: bool
) -> None:
    """Fits find it below the generator, also if `train_inverter --half` wrote it."""
    folder = write_generator(tmp_path)
    add_inverter(folder, half=half)
    manifest = run(machine, request_import(machine, zip_of(folder)))
    generator = manifest.generator
    assert generator is not None, manifest.error
    (inverter,) = records.read_inverters(machine.store, DEFAULT_TENANT, generator.id)
    assert inverter.generator_digest == generator.digest
    assert inverter.digest == inverter.weights.digest
    encoder = machine.loader.load(inverter.weights, build_encoder)
    _, tensors = read_network(folder, "inverter")
    assert torch.equal(encoder.w_mean.cpu(), tensors["w_mean"].float())


def test_an_inverter_of_another_generator_is_refused(machine: Machine, tmp_path: Path) -> None:
    """The message names the number that differs, and the remedy."""
    folder = write_generator(tmp_path)
    add_inverter(folder, w_dim=8)
    manifest = run(machine, request_import(machine, zip_of(folder)))
    assert error_code(manifest) == "invalid_checkpoint"
    assert manifest.error is not None
    assert "inverter is of another generator: expected 16 numbers" in manifest.error.detail
    assert left(machine) == []


def test_a_guided_diffusion_file_needs_its_options(machine: Machine) -> None:
    """Without them the import fails and names them; with them the generator has the warnings of the conversion."""
    data = (GUIDED / "one-level-half.pt").read_bytes()
    failed = run(machine, request_import(machine, data))
    assert error_code(failed) == "invalid_checkpoint"
    assert failed.error is not None
    assert "attention_order (head_major or qkv_major)" in failed.error.detail
    options = ImportOptions.model_validate(OPTIONS["one-level-half"])
    manifest = run(machine, request_import(machine, data, import_options=options))
    assert manifest.generator is not None, manifest.error
    assert manifest.generator.architecture == "diffusion-unet2d"
    assert "learn_sigma" in manifest.generator.warnings[0]


def test_options_of_another_format_fail_the_import(machine: Machine) -> None:
    """They would change nothing, so their owner expects something else."""
    options = ImportOptions(px=64)
    failed = run(machine, request_import(machine, ADA.read_bytes(), import_options=options))
    assert failed.error is not None
    assert "takes no import options, got px" in failed.error.detail


def zip_of(folder: Path) -> bytes:
    """Return the files of a folder as a zip."""
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    return packed.getvalue()


def test_code_in_a_pickle_is_not_run(machine: Machine, tmp_path: Path) -> None:
    """The refusal names the function, the code is not run, and the file is deleted."""
    witness = tmp_path / "witness"
    manifest = run(machine, request_import(machine, pickle.dumps({"G_ema": Evil(witness)})))
    assert error_code(manifest) == "invalid_checkpoint"
    assert manifest.error is not None
    assert "system" in manifest.error.detail
    assert not witness.exists()
    assert left(machine) == []


def test_reading_has_a_limit_of_time(impatient: Machine) -> None:
    """A child that takes too long is ended, and the message contains the limit."""
    manifest = run(impatient, request_import(impatient, ADA.read_bytes()))
    assert error_code(manifest) == "invalid_checkpoint"
    assert manifest.error is not None
    assert "limit of 0 s" in manifest.error.detail


def test_reading_has_a_limit_of_memory(machine: Machine) -> None:
    """A child that needs more memory than an import may take fails, and the worker goes on."""
    settings = machine.settings.model_copy(update={"import_memory_bytes": 2**20})
    tight = limited(machine, settings)
    assert error_code(run(tight, request_import(tight, ADA.read_bytes()))) == "invalid_checkpoint"


def test_other_bytes_than_announced_are_refused(machine: Machine) -> None:
    """The digest of an upload that went directly to the store is checked here."""
    manifest = run(machine, request_import(machine, b"other bytes", sha256="0" * 64))
    assert error_code(manifest) == "upload_damaged"
    assert left(machine) == []


def test_more_bytes_than_announced_are_refused(machine: Machine) -> None:
    """A signed link cannot limit the upload: the size is checked before a byte is fetched."""
    assert (
        error_code(run(machine, request_import(machine, b"12345", num_bytes=4))) == "upload_damaged"
    )


def test_a_cancelled_import_keeps_nothing(scene: Scene) -> None:
    """It ends before the child starts, and the original is deleted."""
    request = request_import(scene.machine, ADA.read_bytes())
    scene.cancel(request.ref)
    assert run(scene.machine, request).status is JobStatus.CANCELLED
    assert list(scene.machine.store.list("tenants/default/uploads")) == []
