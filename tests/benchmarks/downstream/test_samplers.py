"""The comparison of samplers: same network, same noise, other samples."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.downstream import samplers
from benchmarks.downstream.networks import Networks
from benchmarks.downstream.options import BUILTIN
from models.generators.diffusion.generator import DiffusionGenerator
from models.sampling import Candidate, CandidateDraws


def test_a_line_has_each_sampler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what real images reach."""
    monkeypatch.setattr(samplers, "VARIANTS", (("ddim", 1), ("dpm++", 2)))
    words = ["--only", "portraits", "--synthetic", "3", "--folder", str(tmp_path)]
    assert samplers.main(words) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["portraits"]
    assert list(rows) == ["real images", "ddim, 1", "dpm++, 2"]
    assert rows["real images"]["fd_r"] < rows["ddim, 1"]["fd_r"]


def test_only_the_sampler_differs() -> None:
    """The weights are the same, and so is the built-in generator's own sampler."""
    generator = Networks.read(BUILTIN).renderer
    assert isinstance(generator, DiffusionGenerator)
    same = samplers.with_sampler(generator, "dpm++", generator.config.sampling_steps)
    other = samplers.with_sampler(generator, "ddim", 2)
    draws = CandidateDraws(1, [Candidate(0)])
    assert torch.equal(same.sample(draws), generator.sample(draws))
    assert not torch.equal(other.sample(draws), generator.sample(draws))
    with pytest.raises(TypeError, match="expected a diffusion model"):
        samplers.with_sampler(object(), "ddim", 2)
