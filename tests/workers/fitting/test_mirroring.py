"""A fit that also trains on the mirrored images."""

from collections.abc import Sequence

import pytest
import torch

from benchmarks.defaults import ensemble_options
from contracts.ids import DEFAULT_TENANT
from contracts.schemas import LabelSchema
from models.generators.diffusion.generator import DiffusionGenerator
from models.generators.stylegan2.generator import Generator
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels
from tests.models.generators.diffusion.test_generator import make_generator
from tests.workers.scene import CONFIG, LABELS, PX, QUICK, Scene
from workers.fitting import fits, trainer
from workers.fitting.mirroring import STAGE, Mirrored, MirroredImages
from workers.fitting.pairs import Pairs, read_labelset
from workers.fitting.trainer import Trainer
from workers.runtime.micro_batches import MicroBatches

FLIPS = QUICK.model_copy(
    update={"ensemble": QUICK.ensemble.model_copy(update={"flips": True}), "estimate": True}
)


class Noise:
    """Two images of noise with conditions 3 and 4."""

    def __len__(self) -> int:
        return 2

    def image_tensor(self, indices: Sequence[int]) -> torch.Tensor:
        rng = torch.Generator().manual_seed(0)
        return torch.rand(2, 3, 4, 6, generator=rng)[list(indices)]

    def condition_tensor(self, indices: Sequence[int]) -> torch.Tensor:
        return torch.tensor([3, 4])[list(indices)]


def _ignore(done: int, total: int) -> None:
    """Take the steps of a training."""


def two_pairs(scene: Scene) -> Pairs:
    """Store two labelled images and read them."""
    store, pinned = scene.machine.store, scene.add_labelset(num_images=2)
    labelset = read_labelset(store, DEFAULT_TENANT, pinned)
    return Pairs.read(store, labelset, fit=LABELS, px=(PX, PX))


def trainer_of(
    generator: DiffusionGenerator | Generator,
    pairs: Pairs,
    codes: torch.Tensor,
    mirrored: Mirrored | None,
) -> Trainer:
    """Return a trainer on pairs and their mirrored images."""
    return Trainer(
        generator=generator,
        pairs=pairs,
        codes=codes,
        options=ensemble_options(),
        seed=0,
        micro_batches=MicroBatches(1),
        digest="",
        mirrored=mirrored,
    )


def test_images_exchange_left_and_right() -> None:
    """Pixels are mirrored from side to side; conditions stay."""
    noise, mirrored = Noise(), MirroredImages(Noise())
    assert len(mirrored) == 2
    assert torch.equal(mirrored.image_tensor([1])[..., 0], noise.image_tensor([1])[..., -1])
    assert torch.equal(mirrored.image_tensor([1]).flip(3), noise.image_tensor([1]))
    conditions = mirrored.condition_tensor([1])
    assert conditions is not None
    assert conditions.tolist() == [4]


def test_a_training_sees_the_mirrored_images_of_its_images(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Image 1 of two brings its mirrored code and label, with classes that exchange their names, and no other."""
    seen: list[tuple[torch.Tensor, Labels]] = []

    def train_ensemble(
        generator: Generator, codes: torch.Tensor, labels: Labels, **_: object
    ) -> str:
        seen.append((codes, labels))
        return "an ensemble"

    monkeypatch.setattr(trainer, "train_ensemble", train_ensemble)
    pairs = two_pairs(scene)
    codes = torch.arange(2.0)[:, None, None].expand(2, CONFIG.num_ws, CONFIG.w_dim)
    mirrored_pairs = Mirrored(codes + 10, {"segmentation": [1, 0]})
    trainer_of(Generator(CONFIG), pairs, codes, mirrored_pairs).train(
        ensemble_options(), _ignore, [1]
    )
    ((codes, labels),) = seen
    assert codes[:, 0, 0].tolist() == [1.0, 11.0]
    original, mirrored = labels["segmentation"]
    # The left half is of class "left"; mirrored it is on the right, and of class "right" there.
    assert torch.equal(mirrored, original)
    assert torch.equal(mirrored.flip(1), 1 - original)


@pytest.mark.parametrize(
    ("generator", "votes"), [(make_generator(), True), (Generator(CONFIG), False)]
)
def test_members_vote_twice_where_codes_can_be_mirrored(
    *,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    generator: DiffusionGenerator | Generator,
    votes: bool,
) -> None:
    """An ensemble on a diffusion model gets the names of the sides; without mirrored images none does."""
    seen: list[object] = []

    def train_ensemble(*_: object, swaps: object, **__: object) -> str:
        seen.append(swaps)
        return "an ensemble"

    monkeypatch.setattr(trainer, "train_ensemble", train_ensemble)
    pairs = two_pairs(scene)
    codes, swaps = torch.zeros(2, 3, 16, 8), {"segmentation": [1, 0]}
    for mirrored in (Mirrored(codes, swaps), None):
        trainer_of(generator, pairs, codes, mirrored).train(ensemble_options(), _ignore)
    assert seen == [swaps if votes else None, None]


def test_a_fit_inverts_and_reports_mirrored_images(scene: Scene) -> None:
    """The estimate trains on them too. Only the codes of the labelled images themselves are stored and scored."""
    fit = scene.request_fit(FLIPS)
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert (metrics.flips, len(metrics.images)) == (True, 4)
    assert STAGE in metrics.stage_seconds


def test_a_side_without_a_partner_is_not_mirrored(scene: Scene) -> None:
    """A mirrored left half would be a right half, which has no name: the fit says that it did not mirror."""
    lonely = LabelSchema(classes=("left", "other"), colors=LABELS.colors)
    fit = scene.request_fit(FLIPS, labels=lonely)
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert not metrics.flips
    assert STAGE not in metrics.stage_seconds


def test_a_task_that_does_not_say_so_is_not_mirrored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task of the operator's own may have labels that are no maps."""
    monkeypatch.setattr(SegmentationTask, "can_mirror", False)
    fit = scene.request_fit(FLIPS)
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert not metrics.flips


def test_a_fit_without_flips_is_as_before(scene: Scene) -> None:
    """Requests that were stored without the option train on the labelled images alone."""
    fit = scene.request_fit()
    fits.run(scene.machine, str(fit.ref), 1)
    metrics = scene.fit_manifest(fit.ref).metrics
    assert metrics is not None
    assert not metrics.flips
