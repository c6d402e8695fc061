"""The import rule in `pyproject.toml` holds, and a forbidden import breaks it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = {
    name: REPOSITORY / name
    for name in (
        "app",
        "benchmarks",
        "contracts",
        "examples",
        "handsoff_service",
        "models",
        "state",
        "workers",
    )
}
for name in ("handsoff_client", "handsoff_shards"):
    ROOMS[name] = REPOSITORY / "client" / "src" / name


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the source of all rooms and the rule. Returns the folder."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for room, folder in ROOMS.items():
        for source in folder.rglob("*.py"):
            copy = tmp_path / room / source.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    return tmp_path


def check_imports(checkout: Path) -> subprocess.CompletedProcess[str]:
    """Check the imports of a checkout as `make check` does."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def test_every_room_keeps_to_its_imports(checkout: Path) -> None:
    """The unchanged checkout passes."""
    result = check_imports(checkout)
    assert result.returncode == 0, result.stdout


# Importer in the workers => what it must not import. One run of the linter checks them all: a run takes seconds.
WORKER_CROSSINGS = {
    "workers.upkeep.crossing": "workers.runtime.main",
    "workers.fitting.crossing": "workers.upkeep.leftovers",
    "workers.importing.crossing": "workers.fitting.estimates",
    "workers.rendering.crossing": "workers.upkeep.leftovers",
    "workers.training.crossing": "workers.rendering.documents.cards",
    "workers.runtime.crossing": "workers.importing.uploads",
    "workers.families.crossing": "workers.runtime.machine",
    "workers.codecs.crossing": "workers.runtime.weights",
    "workers.checkpoints.stylegan2.crossing": "workers.families.table",
    "workers.checkpoints.stylegan2.crossing_store": "state.keys",
    "workers.checkpoints.files.crossing": "workers.checkpoints.stylegan2.filters",
    "workers.checkpoints.files.crossing_models": "models.arrays",
    "workers.checkpoints.files.crossing_pickle": "pickle",
}


def test_every_crossing_between_folders_of_the_workers_is_reported(checkout: Path) -> None:
    """The check names each forbidden import inside the workers."""
    for module, target in WORKER_CROSSINGS.items():
        source = checkout / f"{module.replace('.', '/')}.py"
        source.write_text(f'"""A crossing."""\n\nimport {target}\n')
    result = check_imports(checkout)
    assert result.returncode != 0
    crossings = {f"{module} -> {target}" for module, target in WORKER_CROSSINGS.items()}
    assert {crossing for crossing in crossings if crossing not in result.stdout} == set()


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("contracts.errors.tree", "contracts.jobs"),
        ("contracts.ids", "contracts.base"),
        ("contracts.batches", "contracts.kinds"),
        ("state.store", "state.records"),
        ("state.ledger", "state.on_demand.ledger"),
        ("state.planning", "state.on_demand.kinds"),
        ("state.keys", "state.store"),
    ],
)
def test_an_import_of_a_higher_layer_breaks_the_check(
    checkout: Path, module: str, target: str
) -> None:
    """One import up, or to another module of the same layer, makes the check fail."""
    source = checkout / f"{module.replace('.', '/')}.py"
    source.write_text(f"{source.read_text()}\n\nimport {target}\n")
    result = check_imports(checkout)
    assert result.returncode != 0
    assert f"{module} -> {target}" in result.stdout


@pytest.mark.parametrize(
    ("room", "crossing"),
    [
        ("app", "import torch"),
        ("app", "import workers.fitting.fits"),
        ("contracts", "import state.keys"),
        ("contracts", "import redis"),
        ("state", "import rq"),
        ("models", "import contracts.ids"),
        ("workers", "import fastapi"),
        ("workers", "import timm"),
        ("examples", "import contracts.ids"),
        ("handsoff_service", "import app.main"),
        ("handsoff_client", "import contracts.ids"),
        ("handsoff_client", "import torch"),
        ("handsoff_shards", "import httpx2"),
    ],
)
def test_a_crossing_import_breaks_the_check(checkout: Path, room: str, crossing: str) -> None:
    """One forbidden import in any room makes the check fail."""
    (checkout / room / "crossing.py").write_text(f'"""A crossing."""\n\n{crossing}\n')
    result = check_imports(checkout)
    assert result.returncode != 0
    assert f"{room}.crossing -> {crossing.split()[1]}" in result.stdout


@pytest.mark.parametrize(
    ("folder", "target", "report"),
    [
        ("app/decoding/archives", "app.decoding.child", ".archives -> .child"),
        ("app/uploads", "app.generators.service", ".uploads -> .generators"),
        ("app/decoding", "app.http.links", "app.decoding.crossing -> app.http.links"),
        ("app/decoding", "fastapi", "app.decoding.crossing -> fastapi"),
        ("app/http", "app.jobs.service", "app.http.crossing -> app.jobs.service"),
        ("app/fits", "app.uploads.endpoints", "app.fits.crossing -> app.uploads.endpoints"),
        (
            "models/tasks",
            "models.labels.training",
            "models.tasks.crossing -> models.labels.training",
        ),
        (
            "models/inversion",
            "models.labels.ensemble",
            "models.inversion.crossing -> models.labels.ensemble",
        ),
        (
            "models/labels",
            "models.adversarial.losses",
            "models.labels.crossing -> models.adversarial.losses",
        ),
        (
            "workers/codecs",
            "workers.runtime.jobs",
            "workers.codecs.crossing -> workers.runtime.jobs",
        ),
    ],
)
def test_a_crossing_inside_a_room_breaks_the_check(
    checkout: Path, folder: str, target: str, report: str
) -> None:
    """One forbidden import between the folders of a room makes the check fail."""
    (checkout / folder / "crossing.py").write_text(f'"""A crossing."""\n\nimport {target}\n')
    result = check_imports(checkout)
    assert result.returncode != 0
    assert report in result.stdout


def test_the_decoding_child_cannot_import_settings(checkout: Path) -> None:
    """The rule of the child covers the modules that it imports."""
    with (checkout / "app/decoding/masks.py").open("a") as file:
        file.write("\nimport state.settings\n")
    result = check_imports(checkout)
    assert result.returncode != 0
    assert "app.decoding.masks -> state.settings" in result.stdout


@pytest.mark.parametrize(
    ("room", "crossing"),
    [
        ("models/labels", "import models.generators.stylegan2.generator"),
        ("models/inversion", "import models.generators.stylegan2.generator"),
        ("workers/fitting", "import models.generators.stylegan2.generator"),
        ("workers/rendering", "import workers.families.stylegan2"),
        ("workers/importing", "import workers.checkpoints.stylegan2.reading"),
    ],
)
def test_a_room_that_names_a_family_breaks_the_check(
    checkout: Path, room: str, crossing: str
) -> None:
    """StyleGAN2 is one family of several: only its own package and its row name it."""
    (checkout / room / "crossing.py").write_text(f'"""A crossing."""\n\n{crossing}\n')
    result = check_imports(checkout)
    assert result.returncode != 0
    assert f"{room.replace('/', '.')}.crossing -> {crossing.split()[1]}" in result.stdout
