"""Real images are labelled through the whole service by fits of both families: upload, job, download, export.

The labels of held-out images are those that the fit itself is scored on.
"""

import io
import json
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.service.labelings import judge, miou
from handsoff_client import BatchFolder, HandsOff
from handsoff_client.cli.commands import main
from handsoff_shards.decoding import decode_mask
from tests.app.uploading import as_form, encode
from tests.e2e.families.test_diffusion import FEW_STEPS, halves
from tests.e2e.toys.test_toy_family import QUICK, Service
from tests.workers.checkpoints.diffusion.pipelines import pipeline, zipped

pytestmark = pytest.mark.slow

CHECKPOINT = Path(__file__).parents[2] / "fixtures" / "checkpoints" / "nvidia-ada-skip-32.pkl"
PX = {"diffusion": 16, "stylegan2": 32}


@pytest.fixture(scope="module", params=list(PX))
def family(request: pytest.FixtureRequest) -> str:
    """Each family in turn."""
    return str(request.param)


def labelset(count: int, px: int) -> dict[str, bytes]:
    """The files of images with a bright and a dark part, enlarged for the larger generator."""
    files = halves(count)
    for name in [name for name in files if name.endswith(".png")]:
        with Image.open(io.BytesIO(files[name])) as image:
            files[name] = encode(image.resize((px, px), Image.Resampling.NEAREST))
    return files


@pytest.fixture(scope="module")
def fit(service: Service, family: str) -> dict[str, object]:
    """A fit that is scored on the images that it is trained on, as held-out images."""
    file = (
        ("ddpm.zip", zipped(pipeline(sample_size=16, schedule=FEW_STEPS)))
        if family == "diffusion"
        else ("ada.pkl", CHECKPOINT.read_bytes())
    )
    generator = service.finish("/v1/generators", files={"file": file}, data={"name": family})
    images = service.post("/v1/labelsets", files=as_form(labelset(5, PX[family])))
    body = {
        "generator": generator["id"],
        "labelset": images["id"],
        "validation_labelset": images["id"],
        "options": QUICK,
    }
    return service.finish("/v1/fits", json=body)


@pytest.fixture(scope="module")
def truth(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images and masks as files, and a file that is no image."""
    folder = tmp_path_factory.mktemp(family)
    for name, data in labelset(5, PX[family]).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    (folder / "images" / "broken.png").write_bytes(b"no image")
    return folder


def test_labels_are_those_of_the_fits_score(
    service: Service, family: str, fit: dict[str, object], truth: Path, tmp_path: Path
) -> None:
    """Their mIoU equals the held-out mIoU of the fit; the broken file is reported; an exact inversion expresses all."""
    with HandsOff(str(service.http.base_url)) as handsoff:
        labeling = handsoff.labelings.create(truth / "images", fit=str(fit["id"]), shard_size=2)
        service.work()
        ended = handsoff.labelings.wait(labeling.id)
        folder = handsoff.labelings.download(labeling.id, tmp_path / "labels")
        report = handsoff.labelings.report(labeling.id)
    assert ended.metrics is not None
    assert (ended.metrics["num_images"], ended.metrics["num_unreadable"]) == (6, 1)
    assert [one.name for one in report.unreadable] == ["broken.png"]
    scores = [one.score for one in report.images]
    assert scores == sorted(scores, reverse=True)
    judged = judge(folder, truth, num_classes=2)
    assert len(judged) == 5
    metrics = fit["metrics"]
    assert isinstance(metrics, dict)
    pooled = np.sum([one.confusion for one in judged], axis=0)
    assert miou(pooled) == pytest.approx(metrics["heldout"]["miou"], abs=0.02)
    is_exact = family == "diffusion"
    assert all((one.expressibility == 1.0) == is_exact for one in report.images)


def test_a_labeling_is_exported_by_the_service(
    service: Service, fit: dict[str, object], truth: Path, tmp_path: Path
) -> None:
    """As COCO, with the names of the original files."""
    with HandsOff(str(service.http.base_url)) as handsoff:
        labeling = handsoff.labelings.create(truth / "images", fit=str(fit["id"]))
        service.work()
        path = f"/v1/labelings/{labeling.id}/export/record"
        assert service.http.get(path, params={"format": "coco", "wait": 0}).status_code == 503
        service.work()
        archive = handsoff.labelings.export(labeling.id, "coco", tmp_path / "coco.zip")
    with zipfile.ZipFile(archive) as files:
        images = json.loads(files.read("annotations.json"))["images"]
    assert {image["original"]["name"] for image in images} == {f"{n}.png" for n in range(5)}


def test_the_command_labels_a_folder(
    service: Service, fit: dict[str, object], truth: Path, tmp_path: Path
) -> None:
    """It uploads, waits, downloads and reports; a photograph of another size is cropped, its mask has its size."""
    photos, out = tmp_path / "photos", tmp_path / "labels"
    photos.mkdir()
    with Image.open(truth / "images" / "0.png") as image:
        wide = image.resize((3 * image.width, 2 * image.height))
    wide.save(photos / "wide.jpg", quality=95)
    words = ("label", str(fit["id"]), str(photos), "--out", str(out), "--originals")
    run_command(service, *words)
    rows = (out / "report.csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["name", "wide.jpg"]
    assert BatchFolder.open(out).num_samples == 1
    mask = decode_mask((out / "originals/masks/wide.png").read_bytes())
    assert mask.shape == (wide.height, wide.width)
    border = (wide.width - wide.height) // 2
    assert (mask[:, : border - 1] == 255).all()
    assert (mask[:, border + 1 : -border - 1] != 255).all()


def run_command(service: Service, *words: str) -> None:
    """Run `handsoff` in a thread, while the workers serve the queues in this one."""
    codes: list[int] = []
    url = str(service.http.base_url)
    thread = threading.Thread(target=lambda: codes.append(main(["--url", url, *words])))
    thread.start()
    while thread.is_alive():
        service.work()
        thread.join(0.2)
    assert codes == [0]
