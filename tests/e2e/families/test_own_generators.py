"""Generators that users bring: the results of the operators' commands with an inverter, and a guided-diffusion file."""

import io
import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from tests.app.uploading import as_form, pairs
from tests.e2e.toys.test_toy_family import QUICK, Service
from tests.workers.checkpoints.diffusion.guided_nets import FIXTURES, OPTIONS
from workers.training import train_generator, train_inverter

pytestmark = pytest.mark.slow

NAMES = ("generator", "discriminator", "inverter")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """The folder of both commands after a few steps, with the inverter in float16."""
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{index:02d}.png")
    few = ["--total-images", "8", "--batch", "4", "--device", "cpu"]
    tiny = ["--channels", "4", "4", "4", "--w-dim", "4"]
    train_generator.main([str(images), str(out), *few, *tiny])
    train_inverter.main([str(out), *few, "--half"])
    return out


def zip_of(folder: Path) -> bytes:
    """Return the networks of a folder as the documentation packs them."""
    packed = io.BytesIO()
    with ZipFile(packed, "w") as archive:
        for name in (f"{name}.{ending}" for name in NAMES for ending in ("json", "safetensors")):
            archive.write(folder / name, name)
    return packed.getvalue()


def test_a_fit_uses_the_inverter_of_the_operators_command(service: Service, trained: Path) -> None:
    """One zip makes a generator with an inverter, which is the default of its fits."""
    file = {"file": ("mine.zip", zip_of(trained))}
    generator = service.finish("/v1/generators", files=file, data={"name": "mine"})
    assert generator["has_discriminator"] is True
    inverters = generator["inverters"]
    assert isinstance(inverters, list)
    labelset = service.post("/v1/labelsets", files=as_form(pairs(4, (16, 16))))
    body = {"generator": generator["id"], "labelset": labelset["id"], "options": QUICK}
    fit = service.finish("/v1/fits", json=body)
    assert [fit["inverter_digest"]] == [one["digest"] for one in inverters]


@pytest.mark.long
def test_a_guided_diffusion_file_is_imported_with_its_options(service: Service) -> None:
    """The form has the options as JSON. Without them, the import fails and names them."""
    data = (FIXTURES / "one-level-half.pt").read_bytes()
    form = {"name": "adm", "import_options": json.dumps(OPTIONS["one-level-half"])}
    generator = service.finish("/v1/generators", files={"file": ("adm.pt", data)}, data=form)
    assert (generator["architecture"], generator["height_px"]) == ("diffusion-unet2d", 8)
    job = service.post("/v1/generators", files={"file": ("adm.pt", data)}, data={"name": "adm"})
    service.work()
    ended = service.http.get(f"/v1/generators/{job['id']}").json()
    assert ended["error"]["code"] == "invalid_checkpoint"
    assert "head_major or qkv_major" in ended["error"]["detail"]
