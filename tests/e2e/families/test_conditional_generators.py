"""A class-conditional StyleGAN2 goes through the whole service: labelset with conditions, fit, batch, stream, pilot.

The checkpoint is NVIDIA's format with random weights and five classes, which give images of different colors. A
conditional diffusion model samples chosen classes too.
"""

import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handsoff_client import BatchFolder, HandsOff, export
from handsoff_client.torch import HandsOffDataset
from handsoff_shards.members import Files
from models.generators.stylegan2.generator import Generator
from models.labels.label_generator import to_bytes
from state import records
from tests.app.uploading import as_form, encode
from tests.e2e.families.test_diffusion import halves
from tests.e2e.toys.test_toy_family import QUICK, Service
from tests.workers.checkpoints.diffusion.pipelines import SCHEDULE, pipeline, zipped
from workers.families.family import load_generator

pytestmark = pytest.mark.slow

CHECKPOINT = Path(__file__).parents[2] / "fixtures/checkpoints/nvidia-ada-resnet-conditional-32.pkl"
PX, CLASSES = 32, (1, 4, 4, 1)


@pytest.fixture(scope="module")
def generator(service: Service) -> str:
    """The imported checkpoint."""
    file = {"file": (CHECKPOINT.name, CHECKPOINT.read_bytes())}
    shown = service.finish("/v1/generators", files=file, data={"name": "five"})
    assert shown["num_classes"] == 5
    return str(shown["id"])


@pytest.fixture(scope="module")
def samples(service: Service, generator: str) -> list[Image.Image]:
    """One sample of the generator for each of `CLASSES`."""
    stored = records.read_generator(service.machine.store, "default", generator)
    assert stored is not None
    network = load_generator(service.machine.loader, service.machine.families, stored)
    assert isinstance(network, Generator)
    z = torch.randn(len(CLASSES), network.config.z_dim, generator=torch.Generator().manual_seed(1))
    images = network.synthesize(network.map(z, classes=torch.tensor(CLASSES))).images
    return [Image.fromarray(pixels.numpy()) for pixels in to_bytes(images)]


def labelset(images: list[Image.Image], conditions: tuple[int, ...]) -> dict[str, bytes]:
    """The files of a labelset: two halves in every mask, and the class of every image."""
    names = {f"image-{number}": condition for number, condition in enumerate(conditions)}
    schema = {"name": "halves", "classes": ["left", "right"]}
    files = {"labelset.json": json.dumps(schema | {"conditions": names}).encode()}
    mask = np.zeros((PX, PX), np.uint8)
    mask[:, PX // 2 :] = 1
    for number, image in enumerate(images):
        files[f"images/image-{number}.png"] = encode(image)
        files[f"masks/image-{number}.png"] = encode(Image.fromarray(mask))
    return files


def run_fit(service: Service, generator: str, files: dict[str, bytes]) -> dict[str, object]:
    """Upload a labelset and fit it, with one step of inversion."""
    uploaded = service.post("/v1/labelsets", files=as_form(files))
    body = {"generator": generator, "labelset": uploaded["id"], "options": QUICK}
    return service.finish("/v1/fits", json=body)


@pytest.fixture(scope="module")
def fit(service: Service, generator: str, samples: list[Image.Image]) -> dict[str, object]:
    """A fit of images with their true classes."""
    return run_fit(service, generator, labelset(samples, CLASSES))


def read_tar(data: bytes) -> dict[str, dict[str, bytes]]:
    """Return the files of each sample of a shard by extension."""
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            file = tar.extractfile(member)
            assert file is not None
            found.setdefault(key, {})[extension] = file.read()
    return found


def render(
    service: Service, fit: dict[str, object], **options: object
) -> tuple[dict[str, object], list[Files]]:
    """Render a batch; return how it ended and the files of its samples, in order."""
    batch = service.finish("/v1/batches", json={"fit": fit["id"], "shard_size": 8, **options})
    shards = service.http.get(f"/v1/batches/{batch['id']}/shards").json()["items"]
    samples = [read_tar(service.http.get(shard["url"]).content) for shard in shards]
    return batch, [files for one in samples for _, files in sorted(one.items())]


def conditions(samples: list[Files]) -> list[int | None]:
    """Return the condition in each sample's metadata."""
    return [json.loads(files["json"]).get("condition") for files in samples]


def difference(first: Files, second: Files) -> float:
    """Return the mean difference of two samples' images, in levels of 256."""
    pixels = [np.asarray(Image.open(io.BytesIO(one["png"])), np.float32) for one in (first, second)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


def test_inversion_starts_from_the_class_of_an_image(
    service: Service, generator: str, samples: list[Image.Image], fit: dict[str, object]
) -> None:
    """With the true classes, one step brings reconstructions closer than with the wrong ones."""
    wrong = run_fit(service, generator, labelset(samples, tuple(5 - one for one in CLASSES)))
    quality = [one["metrics"]["reconstruction_psnr_db"] for one in (fit, wrong)]  # type: ignore[index]
    assert quality[0] > quality[1] + 1


def test_a_batch_has_the_requested_classes(service: Service, fit: dict[str, object]) -> None:
    """Each sample says its class, and the manifest and the card count them."""
    batch, samples = render(service, fit, n=20, condition=[0, 3])
    drawn = conditions(samples)
    assert set(drawn) == {0, 3}
    manifest = service.http.get(f"/v1/batches/{batch['id']}/manifest").json()
    counts = {str(one): drawn.count(one) for one in (0, 3)}
    assert (manifest["condition"], manifest["condition_samples"]) == ({"0": 0.5, "3": 0.5}, counts)
    assert batch["metrics"]["condition_samples"] == counts  # type: ignore[index]
    card = service.http.get(f"/v1/batches/{batch['id']}/shards").json()["card"]["url"]
    assert f"| 3 | 50.0% | {counts['3']} |" in service.http.get(card).text


def test_the_class_changes_the_image(service: Service, fit: dict[str, object]) -> None:
    """The same seed: another class is another image, the same class is the identical sample, alone or in a mixture."""
    batches = {one: render(service, fit, n=6, condition=one)[1] for one in (0, 3)}
    again = render(service, fit, n=6, condition={"3": 1})[1]
    assert again == batches[3]
    assert min(difference(*pair) for pair in zip(batches[0], batches[3], strict=True)) > 5
    mixed = render(service, fit, n=6, condition={"0": 0.5, "3": 0.5})[1]
    for index, condition in enumerate(conditions(mixed)):
        assert condition is not None
        assert mixed[index] == batches[condition][index]


def test_samples_without_a_condition_have_none(service: Service, fit: dict[str, object]) -> None:
    """The generator draws their classes, and their metadata has no new field."""
    batch, samples = render(service, fit, n=2)
    assert conditions(samples) == [None, None]
    assert (batch["condition"], batch["metrics"]["condition_samples"]) == (None, {})  # type: ignore[index]


def test_a_stream_has_the_requested_classes(service: Service, fit: dict[str, object]) -> None:
    """Sample i of a stream is sample i of a batch with the same condition."""
    weights = {"0": 1, "2": 1, "3": 2}
    stream = service.post(
        "/v1/streams", json={"fit": fit["id"], "shard_size": 8, "condition": weights}
    )
    path = f"/v1/streams/{stream['id']}/shards/0"
    assert service.http.get(path, params={"wait": 0}).status_code == 503
    service.work()
    tar = read_tar(service.http.get(path, follow_redirects=True).content)
    assert list(tar.values()) == render(service, fit, n=8, condition=weights)[1]


def test_a_filter_has_the_threshold_of_its_classes(
    service: Service, fit: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each condition has its own pilot, and a filter does not change the shares: samples keep their class."""
    monkeypatch.setattr("workers.rendering.pilot_samples.NUM_SAMPLES", 40)
    half = {"n": 8, "filter": {"drop_share": 0.5}}
    choices: tuple[object, ...] = (None, 0, 3, [0, 3])
    ended = [render(service, fit, condition=choice, **half) for choice in choices]
    thresholds = [batch["metrics"]["threshold"] for batch, _ in ended]  # type: ignore[index]
    assert len(set(thresholds)) == len(choices)
    unfiltered = render(service, fit, n=8, condition=[0, 3])[1]
    assert conditions(ended[3][1]) == conditions(unfiltered)


def test_the_training_loop_gets_the_class(
    service: Service, fit: dict[str, object], tmp_path: Path
) -> None:
    """As `condition` of every sample; an export of the batch is a labelset with conditions again."""
    with HandsOff(str(service.http.base_url)) as handsoff:
        batch = handsoff.batches.create(fit=str(fit["id"]), n=6, condition=[1, 4])
        service.work()
        folder = handsoff.batches.download(batch.id, tmp_path / "batch")
        assert batch.condition == {"1": 0.5, "4": 0.5}
        samples = list(HandsOffDataset(folder.folder, batch_size=3))
        assert {one["condition"] for one in samples} == {1, 4}
        counts = Counter(one["condition"] for one in samples)
        _check_exports(handsoff, folder, counts)


def _check_exports(handsoff: HandsOff, folder: BatchFolder, counts: Counter[int]) -> None:
    """Export as folder and as COCO, and check both as uploads."""
    for name in ("folder", "coco"):
        target = folder.folder.parent / name
        export(folder, name, target)
        checked = handsoff.labelsets.check(target)
        assert {one.condition: one.num_images for one in checked.conditions} == counts


def test_a_diffusion_model_samples_chosen_classes(service: Service) -> None:
    """Its fit accepts conditions, and the same seed of another class is another image."""
    few_steps = {**SCHEDULE, "num_train_timesteps": 250}
    files = pipeline(sample_size=16, schedule=few_steps, class_embed_type=None, num_class_embeds=2)
    upload = {"file": ("ddpm.zip", zipped(files))}
    shown = service.finish("/v1/generators", files=upload, data={"name": "ddpm"})
    assert shown["num_classes"] == 2
    labels = halves(4)
    schema = json.loads(labels["labelset.json"])
    schema["conditions"] = {str(number): number % 2 for number in range(4)}
    labels["labelset.json"] = json.dumps(schema).encode()
    own = run_fit(service, str(shown["id"]), labels)
    batches = [render(service, own, n=4, condition=choice)[1] for choice in (0, 1, [0, 1])]
    assert min(difference(*pair) for pair in zip(*batches[:2], strict=True)) > 0.5
    drawn = conditions(batches[2])
    assert batches[2] == [batches[one or 0][index] for index, one in enumerate(drawn)]
