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

# Each file, and the npz of the numbers that its published code computes.
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
"""As a share of the largest value. Measured: at most 1.1e-6."""


@pytest.fixture(params=sorted(EXPECTED))
def name(request: pytest.FixtureRequest) -> str:
    """Return each file in turn."""
    return str(request.param)


@cache
def checkpoint_of(name: str) -> Checkpoint:
    """Read a fixture once for all tests."""
    return read_checkpoint(FIXTURES / name)


def generator_of(name: str) -> Generator:
    """Return the generator of a fixture."""
    weights = checkpoint_of(name).generator
    return build_generator(weights.config, weights.tensors)


def expected_arrays(name: str) -> dict[str, NDArray[np.float32]]:
    """Return the arrays that the format's published code computes."""
    with np.load(FIXTURES / EXPECTED[name]) as arrays:
        return dict(arrays)


def difference(actual: torch.Tensor, expected: NDArray[np.float32]) -> float:
    """Return the largest difference as a share of the largest value."""
    return float(np.abs(actual.numpy() - expected).max() / np.abs(expected).max())


def test_images_are_those_of_the_published_code(name: str) -> None:
    """This holds with and without truncation, and with a different code for every layer."""
    generator, expected = generator_of(name), expected_arrays(name)
    for codes, images in (("ws", "image_w"), ("ws_psi07", "image_psi07"), ("wplus", "image_wplus")):
        actual = generator.synthesize(torch.from_numpy(expected[codes])).images
        assert difference(actual, expected[images]) < TOLERANCE


def test_taps_are_those_of_the_published_code(name: str) -> None:
    """They have the names that `inspect` lists."""
    generator, expected = generator_of(name), expected_arrays(name)
    listed = description(checkpoint_of(name))["taps"]
    taps = generator.synthesize(torch.from_numpy(expected["wplus"][:1])).taps
    actual = dict(zip([tap["name"] for tap in listed], taps, strict=True))
    stored = [key for key in expected if key.startswith("tap_")]
    assert len(stored) == 4
    for key in stored:
        assert difference(actual[key.removeprefix("tap_")], expected[key]) < TOLERANCE


def test_codes_are_those_of_the_published_code(name: str) -> None:
    """Latents, and classes if the network has any, are mapped and truncated in the same way."""
    generator, expected = generator_of(name), expected_arrays(name)
    z = torch.from_numpy(expected["z"])
    classes = torch.from_numpy(expected["c"]).argmax(dim=1) if "c" in expected else None
    assert difference(generator.map(z, classes=classes), expected["ws"]) < TOLERANCE
    if "training" not in name:  # the training checkpoint has no mean w
        truncated = generator.map(z, 0.7, classes=classes)
        assert difference(truncated, expected["ws_psi07"]) < TOLERANCE


def test_missing_parts_are_reported() -> None:
    """A training checkpoint of rosinality has no mean w. It is measured, with the same result each time."""
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
def test_discriminators_are_read(name: str, classes: int) -> None:
    """A discriminator works, square or not, with or without classes."""
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
    """StyleGAN3 uses the same file format. The message names it and lists the supported formats."""
    with pytest.raises(CheckpointRefused, match=r"StyleGAN3 \(config t or r\).*Supported are"):
        read_checkpoint(FIXTURES / "nvidia-stylegan3-t-32-unsupported.pkl")


def test_a_missing_file_is_no_refusal(tmp_path: Path) -> None:
    """A missing file raises another error than a bad one."""
    with pytest.raises(FileNotFoundError):
        read_checkpoint(tmp_path / "nothing.pkl")


def test_a_description_is_complete() -> None:
    """`inspect` prints format, size, architecture and taps."""
    printed: dict[str, Any] = description(
        read_checkpoint(FIXTURES / "nvidia-stylegan-human-64x32.pkl")
    )
    assert printed["format"] == "nvidia-pickle"
    assert printed["resolution"] == {"height_px": 64, "width_px": 32}
    assert (printed["architecture"], printed["num_ws"], printed["conv_clamp"]) == ("skip", 10, 256)
    assert printed["taps"][-1] == {
        "name": "b64.conv1",
        "channels": 16,
        "height_px": 64,
        "width_px": 32,
    }
    assert printed["missing"] == ()
