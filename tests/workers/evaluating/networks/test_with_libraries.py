"""Networks of segmentation-models-pytorch and timm, where they are installed (`make network-check`)."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from benchmarks.downstream.real_data import Portraits
from contracts.errors.jobs import InputMissing
from contracts.evaluations.networks import SmpArchitecture, SmpEncoder, SmpNetwork
from contracts.jobs import JobStatus
from models.downstream.frozen import tap_channels
from models.downstream.options import DownstreamOptions
from models.downstream.training import Plan, train
from models.serialization import pack
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import TaskSet
from state.settings import Settings
from tests.workers.evaluating.conftest import QUICK, Evaluating
from tests.workers.evaluating.test_evaluations import at_step
from tests.workers.scene import Scene
from workers.evaluating.networks.backbones import LEAST_PX, open_features
from workers.evaluating.networks.smp_networks import learning_rate, open_network
from workers.evaluating.scoring import score_network
from workers.runtime.artefacts import read_artefact
from workers.runtime.loading import NetworkLoader
from workers.runtime.pulse import Drained

smp: Any = pytest.importorskip("segmentation_models_pytorch", exc_type=ImportError)
timm: Any = pytest.importorskip("timm", exc_type=ImportError)

RESNET = SmpNetwork(kind="smp", architecture="unet", encoder="resnet18")
MOUNTED = RESNET.model_copy(update={"weights": "mounted"})


@pytest.mark.parametrize("architecture", get_args(SmpArchitecture))
@pytest.mark.parametrize("encoder", get_args(SmpEncoder))
def test_every_combination_trains_on_small_images(
    architecture: SmpArchitecture, encoder: SmpEncoder
) -> None:
    """One step on images of 40 x 64 px changes the weights, and labels images of 24 px."""
    network = SmpNetwork(kind="smp", architecture=architecture, encoder=encoder)
    build = open_network(Settings(), network)
    assert build is not None
    module = build(4)
    outputs = module(torch.rand(2, 3, 40, 64) * 2 - 1)
    assert outputs.shape == (2, 4, 40, 64)
    outputs.square().mean().backward()
    assert all(
        weight.grad is None or weight.grad.isfinite().all() for weight in module.parameters()
    )
    assert module.eval()(torch.zeros(1, 3, 24, 24)).shape == (1, 4, 24, 24)


def test_a_network_learns_portraits() -> None:
    """60 steps on 16 portraits label twelve others better than the background alone, with the class shares restored."""
    data = Portraits(num_heldout=12, num_oracle=0)
    tasks = TaskSet(SegmentationTask(len(data.schema.classes)))
    options = DownstreamOptions(steps=60, batch=8, learning_rate=learning_rate(RESNET))
    plan = Plan(
        pairs=data.labelled(0, 16),
        tasks=tasks,
        options=options,
        seed=0,
        build=open_network(Settings(), RESNET),
    )
    confusion = score_network(train(plan), data.heldout, tasks).by_task["segmentation"]["confusion"]
    total = confusion.sum(axis=0)
    background = total.sum(axis=1).max() / total.sum()
    assert total.trace() / total.sum() > background + 0.1


def test_an_evaluation_trains_the_named_network(evaluating: Evaluating) -> None:
    """All arms train it, and the report names it with the version of its library."""
    request = evaluating.request(QUICK.model_copy(update={"network": RESNET}))
    evaluating.run(request)
    manifest = evaluating.manifest(request)
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert manifest.report is not None
    assert manifest.report.network == "smp:unet/resnet18"
    page = read_artefact(evaluating.scene.machine.store, manifest.files["report.html"]).decode()
    assert f"smp:unet/resnet18 (segmentation-models-pytorch {smp.__version__})" in page
    plain = evaluating.request(QUICK, heldout=request.heldout_labelset)
    evaluating.run(plain)
    first, second = evaluating.units(request), evaluating.units(plain)
    assert {name: first[name] == second[name] for name in first} == {
        "real-0": False,
        "synthetic-4-0": False,
        "mixed-4-0": False,
        "direct": True,
    }


def test_a_stopped_worker_loses_nothing(
    evaluating: Evaluating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker continues within the training, also with the dropout of an architecture."""
    network = SmpNetwork(kind="smp", architecture="fpn", encoder="efficientnet-b0")
    update = {"steps": 4, "arms": ("real", "direct"), "network": network}
    options = QUICK.model_copy(update=update)
    whole = evaluating.request(options)
    stopped = evaluating.request(options, heldout=whole.heldout_labelset)
    evaluating.run(whole)
    pulse = evaluating.scene.machine.pulse
    steps = at_step(monkeypatch, 2, lambda _: pulse.drain())
    with pytest.raises(Drained):
        evaluating.run(stopped)
    pulse.is_draining = False
    torch.rand(5)
    evaluating.run(stopped, attempt=2)
    assert steps == [1, 2, 3, 4]
    assert evaluating.units(stopped) == evaluating.units(whole)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the weights of an encoder, with the classifier's as torchvision stores them."""
    torch.manual_seed(5)
    encoder = smp.encoders.get_encoder("resnet18", weights=None)
    tensors = {**encoder.state_dict(), "fc.weight": torch.ones(2, 2), "fc.bias": torch.ones(2)}
    (tmp_path / "resnet18.safetensors").write_bytes(pack(tensors))
    return tmp_path


def test_mounted_weights_are_the_first_ones(folder: Path) -> None:
    """Every network starts with the encoder's weights of the file; the decoder stays random."""
    build = open_network(Settings(encoder_weights=folder), MOUNTED)
    assert build is not None
    torch.manual_seed(5)
    encoder = smp.encoders.get_encoder("resnet18", weights=None)
    for seed in (0, 1):
        torch.manual_seed(seed)
        own = build(3).state_dict()
        assert all(
            torch.equal(own[f"body.encoder.{name}"], tensor)
            for name, tensor in encoder.state_dict().items()
        )


def test_mounted_weights_must_fit(folder: Path) -> None:
    """No folder, no file for the encoder, and a file of another encoder: each message names the setting or the file."""
    with pytest.raises(InputMissing, match="set HANDSOFF_ENCODER_WEIGHTS"):
        open_network(Settings(), MOUNTED)
    larger = MOUNTED.model_copy(update={"encoder": "resnet50"})
    with pytest.raises(InputMissing, match=r"Expected resnet50\.safetensors in .*no such file"):
        open_network(Settings(encoder_weights=folder), larger)
    (folder / "resnet18.safetensors").rename(folder / "resnet50.safetensors")
    with pytest.raises(InputMissing, match=r"resnet50\.safetensors do not fit resnet50"):
        open_network(Settings(encoder_weights=folder), larger)


@pytest.fixture
def loader(evaluating: Evaluating) -> NetworkLoader:
    """Return a loader on the CPU."""
    return evaluating.scene.machine.loader


def backbone_settings(folder: Path, name: str, **options: object) -> Settings:
    """Write random weights of a network of timm, and return settings that name them."""
    torch.manual_seed(0)
    path = folder / "backbone.safetensors"
    path.write_bytes(pack(dict(timm.create_model(name, **options).state_dict())))
    return Settings(frozen_network=f"timm:{name}", frozen_weights=path)


@pytest.mark.parametrize(
    ("name", "channels", "height"),
    [
        ("vit_tiny_patch16_224", [192] * 4, LEAST_PX // 16),
        ("vit_small_patch14_dinov2", [384] * 4, LEAST_PX // 14),
        ("resnet18", [64, 64, 128, 256, 512], LEAST_PX // 2),
        ("mobilenetv3_small_100", [16, 16, 24, 48, 576], LEAST_PX // 2),
        ("convnext_atto", [40, 80, 160, 320], LEAST_PX // 4),
    ],
)
def test_features_of_timm(
    loader: NetworkLoader, tmp_path: Path, name: str, channels: list[int], height: int
) -> None:
    """Transformers give the maps of their last blocks, other networks those of every stage."""
    features = open_features(loader, backbone_settings(tmp_path, name), (32, 32))
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    assert tap_channels(features, images) == channels
    first = features(images)[0]
    assert first.shape[2:] == (height, height)
    assert torch.equal(features(images)[0], first)
    assert open_features(loader, backbone_settings(tmp_path, name), (32, 32)) is features


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet81", r"got 'resnet81' \(timm has "),
        ("resnet34", "lack"),
        ("resnet50", "do not fit timm:resnet50"),
    ],
)
def test_a_wrong_network_of_timm_is_refused(
    loader: NetworkLoader, tmp_path: Path, name: str, message: str
) -> None:
    """An unknown name, and weights of another network: the message says which."""
    settings = backbone_settings(tmp_path, "resnet18")
    wrong = settings.model_copy(update={"frozen_network": f"timm:{name}"})
    with pytest.raises(InputMissing, match=message):
        open_features(loader, wrong, (32, 32))


def test_a_network_of_one_size_is_refused(loader: NetworkLoader, tmp_path: Path) -> None:
    """The message says that it cannot take the images."""
    settings = backbone_settings(tmp_path, "mixer_s16_224")
    with pytest.raises(InputMissing, match=r"cannot take images of 64 x 32 px|no feature maps"):
        open_features(loader, settings, (32, 64))


def test_a_frozen_arm_of_timm_is_scored(evaluating: Evaluating, tmp_path: Path) -> None:
    """The head trains on its features, and the report names the network."""
    settings = backbone_settings(tmp_path, "vit_tiny_patch16_224")
    update = {name: getattr(settings, name) for name in ("frozen_network", "frozen_weights")}
    machine = evaluating.scene.machine
    machine = replace(machine, settings=machine.settings.model_copy(update=update))
    frozen = replace(evaluating, scene=Scene(machine))
    request = frozen.request(QUICK.model_copy(update={"arms": ("real", "frozen")}))
    frozen.run(request)
    manifest = frozen.manifest(request)
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    page = read_artefact(machine.store, manifest.files["report.html"]).decode()
    assert "timm:vit_tiny_patch16_224" in page
