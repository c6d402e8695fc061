"""Built-in generators: a folder of weights becomes a generator of the store, once."""

from pathlib import Path

import torch

from contracts.generators.generator import StoredGenerator, StoredInverter
from contracts.ids import DEFAULT_TENANT
from models.generators.stylegan2.generator import Generator
from state import keys, records
from state.store import Store
from tests.workers.importing.imports import add_inverter
from tests.workers.scene import CONFIG, GENERATOR, Scene, write_generator
from workers.importing.builtin import FOLDER, publish, read_about
from workers.runtime.weights import write_network


def read_generator(store: Store) -> StoredGenerator:
    """Return the published generator."""
    manifest = records.read_generator(store, DEFAULT_TENANT, GENERATOR)
    assert manifest is not None
    return manifest


def read_inverters(store: Store) -> list[StoredInverter | None]:
    """Return all inverters that are published with it."""
    objects = store.list(keys.inverters_prefix(DEFAULT_TENANT, GENERATOR))
    return [records.read(store, info.key, StoredInverter) for info in objects]


def test_publishing_again_changes_nothing(scene: Scene, tmp_path: Path) -> None:
    """Every worker publishes at its start; the first manifest stays."""
    add_inverter(tmp_path / GENERATOR)
    publish(scene.machine, tmp_path / GENERATOR)
    before = {info.key: info.modified_at for info in scene.machine.store.list("tenants")}
    publish(scene.machine, tmp_path / GENERATOR)
    assert {info.key: info.modified_at for info in scene.machine.store.list("tenants")} == before


def test_an_inverter_may_be_published_later(scene: Scene, tmp_path: Path) -> None:
    """The generator was published before its inverter was trained; the inverter's digest matches its weights."""
    assert read_inverters(scene.machine.store) == []
    add_inverter(tmp_path / GENERATOR)
    publish(scene.machine, tmp_path / GENERATOR)
    (inverter,) = read_inverters(scene.machine.store)
    assert inverter is not None
    assert inverter.generator_digest == read_generator(scene.machine.store).digest
    assert inverter.digest == inverter.weights.digest


def test_an_inverter_of_an_earlier_version_is_marked(scene: Scene, tmp_path: Path) -> None:
    """All tenants may use it from then on. Nothing else of it changes."""
    store = scene.machine.store
    add_inverter(tmp_path / GENERATOR)
    publish(scene.machine, tmp_path / GENERATOR)
    (published,) = read_inverters(store)
    assert published is not None
    assert records.read_inverters(store, "bob", GENERATOR) == [published]
    key = keys.inverter(DEFAULT_TENANT, GENERATOR, published.digest)
    records.write(store, key, published.model_copy(update={"is_built_in": False}))
    assert records.read_inverters(store, "bob", GENERATOR) == []
    publish(scene.machine, tmp_path / GENERATOR)
    assert read_inverters(store) == [published]


def test_a_name_never_changes_its_generator(scene: Scene, tmp_path: Path) -> None:
    """Fits pin it: a retrained generator in the same folder needs another name, and so does its inverter."""
    before = read_generator(scene.machine.store)
    torch.manual_seed(1)
    write_network(tmp_path / GENERATOR, "generator", Generator(CONFIG), CONFIG.to_dict())
    add_inverter(tmp_path / GENERATOR)
    publish(scene.machine, tmp_path / GENERATOR)
    assert read_generator(scene.machine.store) == before
    assert read_inverters(scene.machine.store) == []


def test_a_generator_has_the_license_of_its_folder(scene: Scene, tmp_path: Path) -> None:
    """about.json states license and source."""
    source = write_generator(tmp_path / "other")
    source = source.rename(source.with_name("licensed"))
    (source / "about.json").write_text('{"license": "CC0-1.0", "source": "drawn"}')
    publish(scene.machine, source)
    manifest = records.read_generator(scene.machine.store, DEFAULT_TENANT, "licensed")
    assert manifest is not None
    assert (manifest.license, manifest.source) == ("CC0-1.0", "drawn")


def test_a_folder_without_about_states_no_license(scene: Scene) -> None:
    """A generator has no license until its owner states one."""
    assert read_generator(scene.machine.store).license == ""


def test_every_shipped_generator_states_its_license() -> None:
    """The weights that ship are under the repository's own license."""
    shipped = [path.parent for path in FOLDER.glob("*/generator.json")]
    assert [read_about(folder).license for folder in shipped] == ["Apache-2.0"] * len(shipped)
    assert shipped
