"""The doctor of a worker's device."""

import pytest
import torch

from state.settings import Settings
from workers.upkeep import doctor


def test_a_working_device_is_ok() -> None:
    """Both number formats are compared with the CPU's float32."""
    findings = doctor.examine(Settings(device="cpu"))
    assert {one.level for one in findings} == {"ok"}
    assert "float32" in findings[0].found
    assert "bfloat16" in findings[1].found


def test_a_device_that_computes_nothing_is_found() -> None:
    """Here one without data: its tensors cannot be read back."""
    finding = doctor.check_kernels(torch.device("meta"), torch.float32)
    assert finding.level == "fault"


def test_wrong_numbers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel with an error beyond its number format would make wrong images."""
    monkeypatch.setitem(doctor.TOLERANCES, torch.bfloat16, 1e-6)
    finding = doctor.check_kernels(torch.device("cpu"), torch.bfloat16)
    assert finding.level == "fault"
    assert "Images would be wrong" in finding.mend


@pytest.mark.parametrize(
    ("setting", "level", "found"),
    [
        ({"device": "cuda:77"}, "fault", "HANDSOFF_DEVICE=cuda:77 cannot be used"),
        ({"perceptual_weights": "/nowhere"}, "fault", "HANDSOFF_PERCEPTUAL_WEIGHTS names /nowhere"),
        ({"frozen_weights": "/nowhere"}, "fault", "HANDSOFF_FROZEN_WEIGHTS names /nowhere"),
        ({"encoder_weights": "/nowhere"}, "fault", "HANDSOFF_ENCODER_WEIGHTS names /nowhere"),
        ({"frozen_network": "timm:resnet18"}, "fault", "without HANDSOFF_FROZEN_WEIGHTS"),
        ({"cpu_threads": 1_000}, "warning", "HANDSOFF_CPU_THREADS is 1000"),
        ({"c2pa_key": "/nowhere"}, "warning", "exports cannot be signed (Expected a certificate"),
    ],
)
def test_a_wrong_setting_is_found(setting: dict[str, object], level: str, found: str) -> None:
    """A device that is not there, weights that are not mounted, more threads than cores."""
    findings = doctor.examine(Settings.model_validate({"device": "cpu"} | setting))
    assert any(found in one.found for one in findings if one.level == level)


def test_a_missing_library_is_found() -> None:
    """A family that needs it would fail at its first job."""
    assert "pip install" in doctor.check_library("handsoff_has_no_such_library").mend
