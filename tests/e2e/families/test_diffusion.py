"""A diffusers pipeline goes through the whole service: import, fit without inversion, batch, stream.

A random network of 16 px: its samples are noise, and its features still tell dark from bright pixels.
"""

import json

import numpy as np
import pytest
from PIL import Image

from models.arrays import Codes
from models.generators.diffusion.generator import DiffusionGenerator
from models.inversion.framing import NUM_SAMPLES
from models.sampling import Draws
from tests.app.uploading import as_form, encode
from tests.e2e.toys.test_toy_family import QUICK, Service, masks
from tests.workers.checkpoints.diffusion.pipelines import SCHEDULE, pipeline, zipped

pytestmark = pytest.mark.slow

PX = 16
FEW_STEPS = {**SCHEDULE, "num_train_timesteps": 250}  # the sampler takes 10 of them


@pytest.fixture(scope="module")
def generator(service: Service) -> str:
    """An imported pipeline."""
    file = {"file": ("ddpm.zip", zipped(pipeline(sample_size=PX, schedule=FEW_STEPS)))}
    return str(service.finish("/v1/generators", files=file, data={"name": "ddpm"})["id"])


@pytest.fixture(scope="module")
def fit(service: Service, generator: str) -> dict[str, object]:
    """A fit of six images with a bright and a dark part."""
    labelset = service.post("/v1/labelsets", files=as_form(halves(6)))
    body = {"generator": generator, "labelset": labelset["id"], "options": QUICK}
    return service.finish("/v1/fits", json=body)


def halves(count: int) -> dict[str, bytes]:
    """The files of a labelset: a bright part of random width beside a dark one, and its mask."""
    rng = np.random.default_rng(0)
    files = {"labelset.json": json.dumps({"name": "parts", "classes": ["dark", "bright"]}).encode()}
    for number in range(count):
        bright = np.broadcast_to(np.arange(PX) < rng.integers(4, 12), (PX, PX))
        noise = rng.integers(0, 40, (PX, PX, 3))
        image = (np.where(bright[..., None], 200, 20) + noise).astype(np.uint8)
        files[f"images/{number}.png"] = encode(Image.fromarray(image))
        files[f"masks/{number}.png"] = encode(Image.fromarray(bright.astype(np.uint8)))
    return files


def test_a_pipeline_becomes_a_generator(service: Service, generator: str) -> None:
    """Three taps per decoder block, one per noise level; a contact sheet of samples."""
    shown = service.http.get(f"/v1/generators/{generator}").json()
    assert (shown["architecture"], shown["height_px"]) == ("diffusion-unet2d", PX)
    assert [tap["channels"] for tap in shown["taps"]] == [16] * 3 + [8] * 3
    assert service.http.get(shown["sheet"]["url"]).content.startswith(b"\x89PNG")


def test_images_are_their_own_codes(fit: dict[str, object]) -> None:
    """The reconstruction is the image: the largest PSNR. The labels are learnt from its features."""
    metrics = fit["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["reconstruction_psnr_db"] > 100
    assert metrics["training_miou"] > 0.9


def test_a_fit_draws_samples_only_to_crop_its_images(
    service: Service, fit: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exact inversion needs no comparison with samples. A compact ensemble would draw 64 more."""
    numbers: list[int] = []
    sample = DiffusionGenerator.sample

    def counted(self: DiffusionGenerator, draws: Draws) -> Codes:
        numbers.append(len(draws))
        return sample(self, draws)

    monkeypatch.setattr(DiffusionGenerator, "sample", counted)
    body = {name: fit[name]["id"] for name in ("generator", "labelset")}  # type: ignore[index]
    ensemble = {"kind": "paper", "steps": 10, "num_members": 2, "hidden": [16, 8]}
    options = {**QUICK, "ensemble": ensemble}
    plain = service.finish("/v1/fits", json={**body, "options": options})
    assert numbers == []
    metrics = plain["metrics"]
    assert isinstance(metrics, dict)
    assert all(image["is_expressible"] for image in metrics["images"])
    service.finish("/v1/fits", json={**body, "options": {**options, "framing": "center"}})
    assert sum(numbers) == NUM_SAMPLES


def test_a_batch_is_rendered(service: Service, fit: dict[str, object]) -> None:
    """Every sample has an image and a mask of its size."""
    batch = service.finish("/v1/batches", json={"fit": fit["id"], "n": 3, "shard_size": 3})
    shards = service.http.get(f"/v1/batches/{batch['id']}/shards").json()["items"]
    tars = [service.http.get(shard["url"]).content for shard in shards]
    assert [mask.shape for tar in tars for mask in masks(tar)] == [(PX, PX)] * 3


def test_a_stream_is_rendered(service: Service, fit: dict[str, object]) -> None:
    """A shard is queued when it is requested, and read once a worker has rendered it."""
    stream = service.post("/v1/streams", json={"fit": fit["id"], "shard_size": 2})
    path = f"/v1/streams/{stream['id']}/shards/0"
    assert service.http.get(path, params={"wait": 0}).status_code == 503
    service.work()
    assert len(masks(service.http.get(path, follow_redirects=True).content)) == 2


def test_it_has_no_inverters(service: Service, generator: str) -> None:
    """Inversion is exact, so there is nothing to train."""
    answer = service.http.post(f"/v1/generators/{generator}/inverters", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_hostile_pipeline_is_refused_with_its_cause(service: Service) -> None:
    """The converting child's refusal of this family reaches the user, not that of the first family."""
    files = pipeline(weights_of={}, block_out_channels=[8, 10**9])
    job = service.post(
        "/v1/generators", files={"file": ("evil.zip", zipped(files))}, data={"name": "evil"}
    )
    service.work()
    ended = service.http.get(f"/v1/generators/{job['id']}").json()
    assert ended["error"]["code"] == "invalid_checkpoint"
    assert "block_out_channels" in ended["error"]["detail"]
