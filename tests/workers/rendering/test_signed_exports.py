"""With the operator's key, each image of an export is signed; labels, and images of labelings, are not."""

import dataclasses
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from contracts.batches import BatchManifest
from contracts.exports import EXPORT_NEEDS, ExportRecord, ExportRef
from contracts.ids import new_id
from contracts.jobs import JobRef
from contracts.labelings import LabelingManifest
from handsoff_shards.decoding import decode_image
from handsoff_shards.reading import is_image
from state import keys, records
from state.on_demand import paths
from state.settings import Settings
from tests.workers.rendering.test_exports import export  # noqa: F401 - a fixture
from workers.codecs.content_credentials import SigningFailed
from workers.rendering import exports
from workers.runtime import main
from workers.runtime.artefacts import read_artefact
from workers.runtime.machine import Machine

c2pa = pytest.importorskip("c2pa")
certificates = pytest.importorskip("tests.workers.certificates")


@pytest.fixture
def signing(machine: Machine, tmp_path: Path) -> Machine:
    """Return the machine of an operator with a certificate and a key."""
    return dataclasses.replace(machine, settings=settings_of(machine.settings, tmp_path))


def settings_of(settings: Settings, folder: Path, *, usable: bool = True) -> Settings:
    """Return settings with the certificate and the key of a test CA."""
    chain = certificates.write_chain(folder, usable=usable)
    paths = {"c2pa_certificates": chain.certificates, "c2pa_key": chain.key}
    return settings.model_copy(update=paths)


def files_of(machine: Machine, export: ExportRef) -> tuple[ExportRecord, dict[str, bytes]]:  # noqa: F811 - the value
    """Make an export; return its record and its files."""
    exports.run(machine, str(export), 1)
    record = records.read(machine.store, paths.export_record(export), ExportRecord)
    assert record is not None
    with zipfile.ZipFile(io.BytesIO(read_artefact(machine.store, record.archive))) as archive:
        return record, {name: archive.read(name) for name in archive.namelist()}


def is_signed(name: str, data: bytes) -> bool:
    """Whether the library finds a valid manifest; it does not trust the test CA."""
    kind = {"png": "image/png", "jpg": "image/jpeg"}[name.rpartition(".")[2]]
    try:
        with c2pa.Reader(kind, io.BytesIO(data)) as reader:
            assert reader.get_validation_state() == "Valid"
    except c2pa.C2paError:
        return False
    return True


def test_the_images_of_every_format_are_signed(
    machine: Machine,
    signing: Machine,
    export: ExportRef,  # noqa: F811 - the fixture
) -> None:
    """Images differ from those of an unsigned export, but not in their pixels; all other files are equal."""
    for name in EXPORT_NEEDS:
        ref = export.model_copy(update={"format": name})
        record, plain = files_of(machine, ref)
        machine.store.delete(paths.export_record(ref))
        signed_record, signed = files_of(signing, ref)
        assert (record.is_signed, signed_record.is_signed) == (False, True)
        assert list(signed) == list(plain)
        images = [path for path in plain if is_image(path)]
        assert len(images) == 4
        assert {path for path in plain if plain[path] != signed[path]} == set(images)
        for path in images:
            assert (is_signed(path, plain[path]), is_signed(path, signed[path])) == (False, True)
            np.testing.assert_array_equal(decode_image(plain[path]), decode_image(signed[path]))


def test_an_export_of_real_images_is_not_signed(signing: Machine, export: ExportRef) -> None:  # noqa: F811 - the fixture
    """No model created the images of a labeling."""
    batch = records.read_manifest(signing.store, export.batch, BatchManifest)
    assert batch is not None
    labeling = JobRef(tenant=export.batch.tenant, id=new_id("labeling"))
    shards = [
        {"index": one.index, "tar": one.tar, "num_samples": one.num_samples} for one in batch.shards
    ]
    fields = {"status", "labels", "started_at", "finished_at"}
    manifest = LabelingManifest.model_validate(
        batch.model_dump(include=fields) | {"shards": shards}
    )
    records.write(signing.store, keys.job_manifest(labeling), manifest)
    record, files = files_of(signing, ExportRef(batch=labeling, format="folder"))
    assert not record.is_signed
    assert not any(is_signed(name, data) for name, data in files.items() if is_image(name))


def test_an_export_that_cannot_be_signed_is_not_made(
    machine: Machine,
    export: ExportRef,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    """An unsigned export would look as the operator does not want it."""
    settings = settings_of(machine.settings, tmp_path).model_copy(update={"c2pa_key": None})
    with pytest.raises(SigningFailed, match="Set HANDSOFF_C2PA_KEY too"):
        exports.run(dataclasses.replace(machine, settings=settings), str(export), 1)
    assert records.read(machine.store, paths.export_record(export), ExportRecord) is None


def test_a_worker_does_not_start_with_a_wrong_certificate(
    settings: Settings, tmp_path: Path
) -> None:
    """The first export would show it hours later."""
    main._check_signing(settings)
    main._check_signing(settings_of(settings, tmp_path))
    with pytest.raises(SystemExit, match="Exports cannot be signed"):
        main._check_signing(settings_of(settings, tmp_path, usable=False))


def test_a_missing_package_is_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker says at its start what to install."""
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(
        SystemExit, match=r"package c2pa-python is missing.*pip install c2pa-python"
    ):
        main._check_signing(settings_of(settings, tmp_path))
