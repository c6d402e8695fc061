"""The scores of a comparison's generators: the shares of rare modes in samples."""

from pathlib import Path

import pytest
import torch

from benchmarks.segmenter.network import Segmenter, SegmenterConfig
from benchmarks.training.label_quality import _read_segmenter, _shares
from examples.portraits.classes import CLASS_NAMES, Part
from workers.runtime.weights import write_network


@pytest.mark.parametrize(("part", "shares"), [(Part.GLASSES, (1.0, 0.0)), (Part.HAT, (0.0, 1.0))])
def test_shares_are_those_of_the_segmenter(
    tmp_path: Path, part: Part, shares: tuple[float, float]
) -> None:
    """A network that is read from a stem and always answers one part finds it in every image."""
    segmenter = Segmenter(SegmenterConfig(len(CLASS_NAMES)))
    for parameter in segmenter.parameters():
        torch.nn.init.zeros_(parameter)
    last = [layer for layer in segmenter.modules() if isinstance(layer, torch.nn.Conv2d)][-1]
    assert last.bias is not None
    last.bias.data[int(part)] = 1.0
    write_network(tmp_path, "segmenter-32", segmenter, segmenter.config.to_dict())
    read = _read_segmenter(tmp_path / "segmenter-32")
    found = _shares(read, torch.zeros(3, 3, 32, 32))
    assert (found["glasses_share"], found["hat_share"]) == shares


def test_without_a_segmenter_rows_have_no_shares() -> None:
    """The option is not required."""
    assert _shares(_read_segmenter(None), torch.zeros(1, 3, 32, 32)) == {}
