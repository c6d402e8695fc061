"""Reading checkpoints: published formats give the numbers of the published code, other files are named."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.generators.stylegan2.discriminator import build_discriminator
from models.generators.stylegan2.generator import Generator, build_generator
from workers.checkpoints.checkpoint import Checkpoint, CheckpointRefused
from workers.checkpoints.stylegan2.describing import description
from workers.checkpoints.stylegan2.reading import read_checkpoint

FIXTURES = Path(__file__).parents[3] / "fixtures" / "checkpoints"

# Each file, and the npz of what its own code computes.
EXPECTED = {
    "nvidia-ada-skip-32.pkl": "nvidia-ada-skip-32.npz",
    "nvidia-ada-resnet-conditional-32.pkl": "nvidia-ada-resnet-conditional-32.npz",
    "nvidia-sg3repo-stylegan2-32.pkl": "nvidia-sg3repo-stylegan2-32.npz",
    "nvidia-stylegan-human-64x32.pkl": "nvidia-stylegan-human-64x32.npz",
    "rosinality-32.pt": "nvidia-ada-skip-32.npz",
    "rosinality-legacy-32.pt": "nvidia-ada-skip-32.npz",
    "rosinality-training-32.pt": "nvidia-ada-skip-32.npz",
}

TOLERANCE = 1e-5
"""Of the largest value. Measured: at most 1.1e-6."""


@pytest.fixture(params=sorted(EXPECTED))
def name(request: pytest.FixtureRequest) -> str:
    """Every file that is read."""
    return str(request.param)


@cache
def checkpoint_of(name: str) -> Checkpoint:
    """A fixture, read once for all tests."""
    return read_checkpoint(FIXTURES / name)


def generator_of(name: str) -> Generator:
    """The generator of a fixture."""
    weights = checkpoint_of(name).generator
    return build_generator(weights.config, weights.tensors)


def expected(name: str) -> dict[str, NDArray[np.float32]]:
    """What the format's own code computes."""
    with np.load(FIXTURES / EXPECTED[name]) as found:
        return dict(found)


def difference(made: torch.Tensor, wanted: NDArray[np.float32]) -> float:
    """The largest, as a share of the largest value."""
    return float(np.abs(made.numpy() - wanted).max() / np.abs(wanted).max())


def test_images_are_those_of_the_published_code(name: str) -> None:
    """With and without truncation, and with a different code for every layer."""
    generator, wanted = generator_of(name), expected(name)
    for codes, images in (("ws", "image_w"), ("ws_psi07", "image_psi07"), ("wplus", "image_wplus")):
        made = generator.synthesize(torch.from_numpy(wanted[codes])).images
        assert difference(made, wanted[images]) < TOLERANCE


def test_taps_are_those_of_the_published_code(name: str) -> None:
    """Under the names by which `inspect` lists them."""
    generator, wanted = generator_of(name), expected(name)
    listed = description(checkpoint_of(name))["taps"]
    taps = generator.synthesize(torch.from_numpy(wanted["wplus"][:1])).taps
    made = dict(zip([tap["name"] for tap in listed], taps, strict=True))
    stored = [key for key in wanted if key.startswith("tap_")]
    assert len(stored) == 4
    for key in stored:
        assert difference(made[key.removeprefix("tap_")], wanted[key]) < TOLERANCE


def test_codes_are_those_of_the_published_code(name: str) -> None:
    """Latents, and classes where there are any, are mapped and truncated alike."""
    generator, wanted = generator_of(name), expected(name)
    z = torch.from_numpy(wanted["z"])
    classes = torch.from_numpy(wanted["c"]).argmax(dim=1) if "c" in wanted else None
    assert difference(generator.map(z, classes=classes), wanted["ws"]) < TOLERANCE
    if "training" not in name:  # which has no mean w
        truncated = generator.map(z, 0.7, classes=classes)
        assert difference(truncated, wanted["ws_psi07"]) < TOLERANCE


def test_what_a_file_lacks_is_said() -> None:
    """A training checkpoint of rosinality has no mean w: it is measured, the same every time."""
    first = checkpoint_of("rosinality-training-32.pt")
    second = read_checkpoint(FIXTURES / "rosinality-training-32.pt")
    assert first.missing == ("mean w", "discriminator")
    assert "measured on 10000 latents" in first.warnings[0]
    mean = first.generator.tensors["mapping.w_mean"]
    assert torch.equal(mean, second.generator.tensors["mapping.w_mean"])
    w = build_generator(first.generator.config, first.generator.tensors).mapping(
        torch.randn(4000, 64)
    )
    assert (w.mean(dim=0) - mean).abs().max() < 0.2 * w.std(dim=0).max()


@pytest.mark.parametrize(
    ("name", "classes"),
    [("nvidia-stylegan-human-64x32.pkl", 0), ("nvidia-ada-resnet-conditional-32.pkl", 5)],
)
def test_discriminators_come_along(name: str, classes: int) -> None:
    """Square or not, with classes or without, in training form and in working order."""
    checkpoint = checkpoint_of(name)
    assert checkpoint.discriminator is not None
    discriminator = build_discriminator(
        checkpoint.discriminator.config, checkpoint.discriminator.tensors
    )
    generator = build_generator(checkpoint.generator.config, checkpoint.generator.tensors)
    labels = torch.arange(4) if classes else None
    logits = discriminator(generator(torch.randn(4, 64)), labels)
    assert logits.shape == (4,)
    assert logits.isfinite().all()


def test_another_network_is_refused_by_its_name() -> None:
    """StyleGAN3 files look similar; the message names StyleGAN3 and the supported formats."""
    with pytest.raises(CheckpointRefused, match=r"StyleGAN3 \(config t or r\).*Supported are"):
        read_checkpoint(FIXTURES / "nvidia-stylegan3-t-32-unsupported.pkl")


def test_a_missing_file_is_no_refusal(tmp_path: Path) -> None:
    """Nothing there is another matter than something bad there."""
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "nothing.pkl")


def test_a_description_is_complete() -> None:
    """Format, size, architecture, taps: what `inspect` prints."""
    told: dict[str, Any] = description(
        read_checkpoint(FIXTURES / "nvidia-stylegan-human-64x32.pkl")
    )
    assert told["format"] == "nvidia-pickle"
    assert told["resolution"] == {"height_px": 64, "width_px": 32}
    assert (told["architecture"], told["num_ws"], told["conv_clamp"]) == ("skip", 10, 256)
    assert told["taps"][-1] == {
        "name": "b64.conv1",
        "channels": 16,
        "height_px": 64,
        "width_px": 32,
    }
    assert told["missing"] == ()
