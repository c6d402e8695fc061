"""The Croissant of a batch: its shards and digests, and a record set for each kind of file."""

import json
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from contracts.base import Artefact, now
from contracts.batches import BatchManifest, BatchRequest, ShardPageRef, ShardRecord
from contracts.digests import sha256_of
from contracts.jobs import JobStatus
from contracts.schemas import LabelSchema
from handsoff_shards.samples import decode_sample
from tests.client.conftest import LABELS, files_of, tar_of
from tests.contracts.conftest import batch_request, shard_record  # noqa: F401 - fixtures
from tests.environments import environment, run
from workers.codecs.registry import TASKS
from workers.rendering.documents.croissant import croissant
from workers.rendering.documents.origins import Origin

UNKNOWN = Origin(None, None, None)
KINDS = ["image", "mask", "keypoints", "depth", "uncertainty", "facts"]
MLCROISSANT = ("mlcroissant==1.1.1", "pillow==13.0.0")


@pytest.fixture
def written(
    tmp_path: Path,
    batch_request: BatchRequest,  # noqa: F811 - a fixture
    shard_record: Callable[[int], ShardRecord],  # noqa: F811 - a fixture
) -> Path:
    """Write two shards of three samples and their description to a folder."""
    shards = []
    for index in range(2):
        data = tar_of(range(3 * index, 3 * index + 3))
        (tmp_path / f"shard-{index:06d}.tar").write_bytes(data)
        tar = Artefact(key=f"{index}.tar", sha256=sha256_of(data), num_bytes=len(data))
        shards.append(shard_record(index).model_copy(update={"tar": tar}))
    path = tmp_path / "croissant.json"
    path.write_text(json.dumps(document(batch_request, shards=tuple(shards))))
    return path


def document(request: BatchRequest, **shards: Any) -> dict[str, Any]:
    """Return the description of a finished batch with every kind of label."""
    manifest = BatchManifest(
        status=JobStatus.SUCCEEDED, started_at=now(), finished_at=now(), num_samples=6, **shards
    )
    labelled = request.model_copy(update={"labels": LabelSchema.model_validate(LABELS)})
    return croissant(TASKS[:3], labelled, manifest, UNKNOWN)


def test_every_shard_has_its_digest(written: Path) -> None:
    """So a reader verifies what it downloads. Names are those of a downloaded batch."""
    found = json.loads(written.read_text())["distribution"]
    digests = {one["contentUrl"]: one["sha256"] for one in found if "contentUrl" in one}
    assert digests == {
        path.name: sha256_of(path.read_bytes()) for path in written.parent.glob("*.tar")
    }
    assert len(digests) == 2


def test_each_kind_of_file_is_one_record_set(written: Path) -> None:
    """The pattern of a file set matches the files of its kind, and no other file of the sample."""
    found = json.loads(written.read_text())
    assert [one["@id"] for one in found["recordSet"]] == KINDS
    patterns = {one["@id"]: one["includes"] for one in found["distribution"] if "includes" in one}
    names = [f"000000004.{extension}" for extension in files_of(4)]
    matched = {key: [name for name in names if fnmatch(name, it)] for key, it in patterns.items()}
    assert {key: len(found) for key, found in matched.items()} == {
        f"{kind}-files": 1 for kind in KINDS
    }
    assert matched["image-files"] == ["000000004.png"]


def test_a_large_batch_has_one_entry_for_all_shards(batch_request: BatchRequest) -> None:  # noqa: F811 - a fixture
    """With each of 100,000 digests the document would be too large for its readers."""
    page = ShardPageRef(key="pages/0.json", sha256="0" * 64, num_bytes=1, num_shards=1_000)
    found = document(batch_request, pages=(page,) * 3)["distribution"]
    assert found[0]["includes"] == "shard-*.tar"
    assert "3000 tars" in found[0]["description"]
    assert {one["containedIn"][0]["@id"] for one in found[1:]} == {"shards"}


def test_a_deleted_fit_states_no_license(batch_request: BatchRequest) -> None:  # noqa: F811 - a fixture
    """The license is that of the generator, which is known through the fit."""
    assert document(batch_request)["license"] == "not stated"


@pytest.mark.export_check
@pytest.mark.timeout(3_600)
def test_the_library_of_croissant_reads_every_record(
    written: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The document is valid without a warning, and pixels and texts equal those in the shards."""
    python = environment(tmp_path_factory.mktemp("mlcroissant"), MLCROISSANT)
    out = written.parent / "read.json"
    run(python, Path(__file__).parent / "read_with_mlcroissant.py", written, out)
    found = json.loads(out.read_text())
    assert (found["errors"], found["warnings"]) == ([], [])
    assert list(found["records"]) == KINDS
    for index in range(6):
        own = {kind: found["records"][kind][f"{index:09d}"] for kind in KINDS}
        sample = decode_sample(files_of(index))
        assert sample.mask is not None
        assert sample.depth is not None
        assert own["mask"] == ["P", sample.mask.ravel().tolist()]
        assert own["depth"] == ["I;16", sample.depth.ravel().tolist()]
        assert own["image"] == ["RGB", sample.image.reshape(-1, 3).tolist()]
        assert own["facts"] == sample.facts
