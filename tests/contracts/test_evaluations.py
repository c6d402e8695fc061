"""The contracts of evaluations: the names of downstream networks, and documents of earlier versions."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.evaluations.evaluation import (
    EvaluationOptions,
    EvaluationRequest,
    ResolvedEvaluationOptions,
)
from contracts.evaluations.networks import Network, SmpNetwork, network_name
from contracts.evaluations.report import EvaluationReport

RESNET = SmpNetwork(kind="smp", architecture="unet", encoder="resnet18")


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("unet", "unet"),
        (RESNET, "smp:unet/resnet18"),
        (RESNET.model_copy(update={"weights": "mounted"}), "smp:unet/resnet18/mounted"),
    ],
)
def test_a_network_has_a_name(network: Network, name: str) -> None:
    """Reports and predictions of costs use it."""
    assert network_name(network) == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"architecture": "os"},
        {"encoder": "tu-resnet18"},
        {"encoder": "../resnet18"},
        {"kind": "timm"},
        {"weights": "imagenet"},
    ],
)
def test_only_listed_names_are_accepted(wrong: dict[str, str]) -> None:
    """No other name reaches the library, where it might import or download something."""
    with pytest.raises(ValidationError):
        EvaluationOptions.model_validate({"network": RESNET.model_dump() | wrong})


def test_documents_of_earlier_versions_name_our_network() -> None:
    """Their options have the text `unet`, and their reports have no network."""
    stored = '{"arms": ["real", "direct"], "network": "unet", "steps": 600}'
    assert ResolvedEvaluationOptions.from_stored(stored).network == "unet"
    report: dict[str, Any] = {"num_images": 1, "num_seeds": 1, "num_draws": 1, "confidence": 0.95}
    report |= {"tasks": [], "verdict": []}
    assert EvaluationReport.model_validate(report).network == "unet"


def test_a_request_of_an_earlier_version_has_no_labeling() -> None:
    """The field and its arm are later ones."""
    pinned = {"id": "labelset_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f", "digest": "0" * 64}
    stored = {
        "tenant": "default",
        "id": "evaluation_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
        "created_at": "2026-01-01T00:00:00Z",
        "name": "",
        "seed": 0,
        "fit": {"id": "fit_0192f0c1a5b37c8e9d1f2a3b4c5d6e7f", "digest": "0" * 64},
        "labelset": pinned,
        "heldout_labelset": pinned,
        "labels": {"classes": ["background", "skin"]},
        "options": {"arms": ["real", "direct"]},
        "render_version": 1,
    }
    assert EvaluationRequest.from_stored(json.dumps(stored)).labeling is None
