"""Promises of `models.serialization`: networks are restored exactly from their bytes."""

import json

import pytest
import torch
from safetensors import SafetensorError

from models.generators.stylegan2.generator import Generator, build_generator
from models.serialization import pack_network, unpack


def test_a_generator_is_restored_exactly(any_generator: Generator) -> None:
    """Rebuilt from safetensors and JSON bytes it has equal tensors and equal images."""
    tensors, config = pack_network(any_generator, any_generator.config.to_dict())
    again = build_generator(json.loads(config), unpack(tensors))
    z = torch.randn(2, 16)
    assert torch.allclose(any_generator(z), again(z), atol=1e-5)
    for name, tensor in any_generator.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_other_bytes_are_refused() -> None:
    """Bytes that are no safetensors file raise an error."""
    with pytest.raises(SafetensorError):
        unpack(b"not a safetensors file")
