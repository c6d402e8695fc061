"""Sheets of a generator: samples and walks, drawn once, and reported when they cannot be drawn."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contracts.generators.sheets import COLUMNS, ROWS, SheetRecord, SheetRef
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state import records
from state.on_demand import paths
from state.on_demand.kinds import SHEETS
from state.on_demand.ledger import OnDemandLedger
from tests.workers.scene import GENERATOR, PX, Scene
from workers.rendering import sheets
from workers.runtime.artefacts import read_artefact


@pytest.fixture
def sheet(scene: Scene) -> SheetRef:
    """Return the sheet of samples, not drawn yet."""
    stored = records.read_generator(scene.machine.store, DEFAULT_TENANT, GENERATOR)
    assert stored is not None
    ref = JobRef(tenant=DEFAULT_TENANT, id=GENERATOR)
    return SheetRef(generator=ref, digest=stored.digest[:12])


def drawn(scene: Scene, sheet: SheetRef) -> NDArray[np.int64]:
    """Draw a sheet and return its cells [rows, columns, h, w, 3]."""
    store = scene.machine.store
    sheets.run(scene.machine, str(sheet), 1)
    record = records.read(store, paths.sheet_record(sheet), SheetRecord)
    assert record is not None
    with Image.open(io.BytesIO(read_artefact(store, record.picture))) as picture:
        assert picture.size == (COLUMNS * PX, ROWS * PX)
        pixels = np.asarray(picture, dtype=np.int64)
    return pixels.reshape(ROWS, PX, COLUMNS, PX, 3).swapaxes(1, 2)


def test_a_walk_leads_through_samples(scene: Scene, sheet: SheetRef) -> None:
    """Each row begins at a sample of the same seed; its steps are smaller than those between samples."""
    samples = drawn(scene, sheet)
    walk = drawn(scene, sheet.model_copy(update={"view": "walk"}))
    for row in range(ROWS):
        assert np.abs(walk[row, 0] - samples[0, row]).max() <= 1
    steps = np.abs(np.diff(walk.reshape(-1, PX, PX, 3), axis=0)).mean()
    jumps = np.abs(np.diff(samples.reshape(-1, PX, PX, 3), axis=0)).mean()
    assert steps < jumps / 2


def test_truncation_and_seed_change_a_sheet(scene: Scene, sheet: SheetRef) -> None:
    """Less truncation gives images that are more alike; another seed gives others."""
    usual = drawn(scene, sheet)
    narrow = drawn(scene, sheet.model_copy(update={"truncation_percent": 10}))
    other = drawn(scene, sheet.model_copy(update={"seed": 1}))
    assert narrow.std(axis=(0, 1)).mean() < usual.std(axis=(0, 1)).mean() / 2
    assert (other != usual).any()


def test_a_sheet_is_drawn_once(scene: Scene, sheet: SheetRef) -> None:
    """A second call changes nothing."""
    drawn(scene, sheet)
    first = records.read(scene.machine.store, paths.sheet_record(sheet), SheetRecord)
    drawn(scene, sheet)
    assert records.read(scene.machine.store, paths.sheet_record(sheet), SheetRecord) == first


def test_another_generator_is_reported(scene: Scene, sheet: SheetRef) -> None:
    """A sheet of weights that are not in the store fails, and says what to do."""
    lost = sheet.model_copy(update={"digest": "0" * 12})
    sheets.run(scene.machine, str(lost), 1)
    failure = OnDemandLedger(scene.machine.ledger).failure(SHEETS.item(lost))
    assert failure is not None
    assert "Open its page again" in failure.detail
