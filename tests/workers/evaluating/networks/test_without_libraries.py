"""Networks of other libraries on a worker that lacks the libraries or the operator's files."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from contracts.errors.jobs import InputMissing
from contracts.evaluations.networks import SmpNetwork
from models.inversion.squeezenet import SqueezeNet, SqueezeNetConfig
from models.serialization import pack
from state.settings import Settings
from tests.workers.evaluating.conftest import QUICK, Evaluating
from tests.workers.scene import Scene
from workers.evaluating.networks import weights
from workers.evaluating.networks.backbones import open_features
from workers.evaluating.networks.smp_networks import open_network

RESNET = SmpNetwork(kind="smp", architecture="unet", encoder="resnet18")


@pytest.fixture(autouse=True)
def _without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the imports fail as without the packages, also where they are installed."""
    for name in ("segmentation_models_pytorch", "timm"):
        monkeypatch.setitem(sys.modules, name, None)


def test_an_evaluation_says_what_the_operator_must_install(evaluating: Evaluating) -> None:
    """The job fails before the first training, without a second attempt."""
    request = evaluating.request(QUICK.model_copy(update={"network": RESNET}))
    evaluating.run(request)
    error = evaluating.manifest(request).error
    assert error is not None
    assert (error.code, error.retryable) == ("input_missing", False)
    assert "pip install -c constraints.txt --group downstream" in error.detail
    assert "network 'unet'" in error.detail
    assert evaluating.units(request) == {}


def mounted(evaluating: Evaluating, **settings: object) -> Evaluating:
    """Return the same evaluations on a worker with other settings."""
    machine = evaluating.scene.machine
    changed = machine.settings.model_copy(update=settings)
    return replace(evaluating, scene=Scene(replace(machine, settings=changed)))


def test_arms_that_do_not_train_the_network_need_no_library(
    evaluating: Evaluating, tmp_path: Path
) -> None:
    """The fit's own labels and the head on SqueezeNet are scored on any worker, and the report is written."""
    path = tmp_path / "squeezenet.safetensors"
    path.write_bytes(pack(SqueezeNet(SqueezeNetConfig()).state_dict()))
    other = mounted(evaluating, perceptual_weights=path)
    options = QUICK.model_copy(update={"network": RESNET, "arms": ("direct", "frozen")})
    request = other.request(options)
    other.run(request)
    report = other.manifest(request).report
    assert report is not None, other.manifest(request).error
    assert report.network == "smp:unet/resnet18"


def test_our_network_needs_no_library() -> None:
    """It is that of the training itself."""
    assert open_network(Settings(), "unet") is None


def test_a_frozen_arm_of_timm_says_what_to_install(evaluating: Evaluating, tmp_path: Path) -> None:
    """The setting names a network of timm, and the package is missing."""
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pack({"weight": torch.zeros(1)}))
    frozen = mounted(evaluating, frozen_network="timm:resnet18", frozen_weights=path)
    request = frozen.request(QUICK.model_copy(update={"arms": ("real", "frozen")}))
    frozen.run(request)
    error = frozen.manifest(request).error
    assert error is not None
    assert "cannot import timm" in error.detail
    assert "without the arm frozen" in error.detail


@pytest.mark.parametrize(
    ("path", "message"),
    [(None, "HANDSOFF_FROZEN_WEIGHTS"), ("/nowhere.safetensors", "Expected the file /nowhere")],
)
def test_a_network_of_timm_needs_its_weights(
    evaluating: Evaluating, path: str | None, message: str
) -> None:
    """Nothing is downloaded, so the operator gives a file; the message names the setting."""
    settings = Settings.model_validate(
        {"frozen_network": "timm:resnet18", "frozen_weights": path, "store_url": "memory:///"}
    )
    with pytest.raises(InputMissing, match=message):
        open_features(evaluating.scene.machine.loader, settings, (32, 32))


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18", "timm:hf-hub:resnet18", "resnet18"])
def test_the_setting_takes_only_names_of_timm(name: str) -> None:
    """Other forms of names would be downloaded."""
    with pytest.raises(ValueError, match="frozen_network"):
        Settings.model_validate({"frozen_network": name})


def small() -> nn.Module:
    """Return a network with a weight, a bias and the counts of batch normalization."""
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".pt", ".bin"])
def test_weights_are_read_from_every_format(tmp_path: Path, ending: str) -> None:
    """The tensors are equal; further ones, such as those of a classifier, are ignored."""
    source, target = small(), small()
    tensors = {**source.state_dict(), "fc.weight": torch.ones(2)}
    path = tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        path.write_bytes(pack(tensors))
    else:
        torch.save({"state_dict": tensors}, path)
    weights.load(target, weights.read_weights(path, setting="X"), named="small", source=str(path))
    loaded = target.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in source.state_dict().items())


def test_weights_that_do_not_fit_are_refused() -> None:
    """The message names the file and the first difference."""

    def load(tensors: dict[str, Tensor]) -> None:
        weights.load(small(), tensors, named="small", source="a.safetensors")

    whole = dict(small().state_dict())
    with pytest.raises(InputMissing, match=r"a\.safetensors do not fit small: size mismatch for 0"):
        load(whole | {"0.weight": torch.zeros(5, 3, 1, 1)})
    del whole["0.bias"]
    with pytest.raises(InputMissing, match=r"lack 1 tensors of small, such as 0\.bias"):
        load(whole)


def test_weights_of_an_old_version_of_torch_fit() -> None:
    """They lack the counts of batch normalization, which no prediction uses."""
    tensors = dict(small().state_dict())
    del tensors["1.num_batches_tracked"]
    weights.load(small(), tensors, named="small", source="a.safetensors")


class Harmful:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("harmful"),)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.safetensors", b"no tensors", "holds something else"),
        ("a.pth", b"no tensors", "holds something else"),
        ("a.npz", b"", r"ends in \.safetensors or \.pth, \.pt, \.bin in HANDSOFF_X, got 'a\.npz'"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """The message names the file or the endings."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputMissing, match=message):
        weights.read_weights(path, setting="HANDSOFF_X")


def test_a_pickle_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only tensors are unpickled."""
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Harmful()}, tmp_path / "a.pth")
    with pytest.raises(InputMissing, match="holds something else"):
        weights.read_weights(tmp_path / "a.pth", setting="HANDSOFF_X")
    assert not (tmp_path / "harmful").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message names the setting."""
    with pytest.raises(InputMissing, match="of HANDSOFF_X, but it cannot be read"):
        weights.read_weights(tmp_path / "a.pth", setting="HANDSOFF_X")
