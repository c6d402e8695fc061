"""Runs a fit: labelled images in, a label generator out. Inverts the images, trains and scores an ensemble."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from contracts.errors.jobs import JobFailed
from contracts.fits.fit import FitManifest, FitRequest, PinnedLabelset
from contracts.fits.metrics import RealComparison
from contracts.jobs import JobRef
from contracts.labelsets import LabelsetManifest
from models.inversion.framing import Framing
from models.labels.label_generator import LabelGenerator
from models.labels.losses import LossPoint
from state.store import Store
from workers.codecs.task import TaskCodec
from workers.fitting.checks.comparison import compare
from workers.fitting.checks.samples import sample_shares
from workers.fitting.choosing import choose_features
from workers.fitting.estimates import CrossValidation, cross_validate
from workers.fitting.inverting import FitInverter
from workers.fitting.labelling import Labelled, label_codes
from workers.fitting.mirroring import Mirrored
from workers.fitting.options import training_options
from workers.fitting.pairs import Pairs, read_labelset
from workers.fitting.reframing import reframed
from workers.fitting.results import FitQuality, is_as_uploaded, write_result
from workers.fitting.trainer import Trainer
from workers.runtime import jobs
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine
from workers.saving.kept_codes import KeptCodes
from workers.saving.saved_states import SavedStates


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Run the fit that `argument` names."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _fit)


def _fit(run: Run) -> FitManifest:
    """Run all steps of the fit and return its manifest, which the caller stores last."""
    request = run.read_request(FitRequest)
    images = _Images(run.machine.store, request, run.machine.tasks)
    labelset = read_labelset(run.machine.store, request.tenant, request.labelset)
    pairs = images.read(labelset)
    _check_labelled(pairs)
    inverter = FitInverter.open(run.machine, request)
    images.framing = inverter.find_framing(pairs, is_requested=not is_as_uploaded(request))
    pairs = images.framed(pairs)
    _check_labelled(pairs)
    kept = KeptCodes(run, request, request.labelset.id)
    inversion = inverter.invert(pairs, run.steps("inverting"), kept)
    mirrored = Mirrored.of(run, request, inverter, pairs, kept)
    cache_bytes = run.machine.settings.feature_cache_bytes
    trainer = Trainer(
        generator=inverter.generator,
        pairs=pairs,
        codes=inversion.codes,
        options=training_options(request.options.ensemble, cache_bytes=cache_bytes),
        seed=request.seed,
        micro_batches=run.machine.micro_batches,
        digest=request.generator.digest,
        mirrored=mirrored,
        states=SavedStates(run),
    )
    trainer, estimated = _estimate(run, request, trainer)
    comparison = _compare(run, trainer, estimated)
    losses: list[LossPoint] = []
    ensemble = trainer.train(trainer.options, run.steps("training"), on_losses=losses.extend)
    label_generator = LabelGenerator(inverter.generator, ensemble)
    generated = None
    if request.options.estimate:
        generated = sample_shares(run, label_generator, pairs, request.generator.digest)
    training = label_codes(
        run,
        "labelling",
        label_generator,
        pairs=pairs,
        inversion=inversion,
        digest=request.generator.digest,
    )
    quality = FitQuality(
        labelset=labelset,
        training=training,
        heldout=_label_heldout(run, images, inverter, label_generator),
        estimate=estimated.estimate if estimated else None,
        comparison=comparison,
        generated=generated,
        min_tap_px=trainer.options.min_tap_px,
        flips=mirrored is not None,
        framing=images.framing,
        perceptual_sha256=inverter.perceptual_sha256,
        losses=losses,
    )
    return write_result(run, request, ensemble, quality)


@dataclass
class _Images:
    """Reads labelsets at the generator's size, and applies the same framing to all of them."""

    store: Store
    request: FitRequest
    tasks: Sequence[TaskCodec]
    framing: Framing = field(default_factory=Framing)

    def read(self, labelset: LabelsetManifest) -> Pairs:
        px = (self.request.generator.height_px, self.request.generator.width_px)
        return Pairs.read(self.store, labelset, fit=self.request.labels, px=px, tasks=self.tasks)

    def framed(self, pairs: Pairs) -> Pairs:
        """Return the pairs for the fit: as uploaded, or cropped to the framing."""
        return pairs if is_as_uploaded(self.request) else reframed(pairs, self.framing)

    def read_framed(self, pinned: PinnedLabelset) -> Pairs:
        return self.framed(self.read(read_labelset(self.store, self.request.tenant, pinned)))


def _check_labelled(pairs: Pairs) -> None:
    """Raise `JobFailed` for images without labels: the app did not check labels at the generator's size."""
    unlabelled = pairs.unlabelled()
    if unlabelled:
        raise JobFailed(
            "Expected labels in every image, but at the generator's size these have only ignored pixels:"
            f" {', '.join(unlabelled[:10])}. Label larger regions in them, or leave them out."
        )


def _estimate(
    run: Run, request: FitRequest, trainer: Trainer
) -> tuple[Trainer, CrossValidation | None]:
    """Return the trainer with the chosen features, and the cross-validation of its labels."""
    if not request.options.estimate:
        return trainer, None
    # `run.steps` would enter the stage even for a single image, which has no step.
    step = partial(run.step, "estimating")
    if request.options.ensemble.min_tap_px is None:
        return choose_features(trainer, step)
    return trainer, cross_validate(trainer, step)


def _compare(
    run: Run, trainer: Trainer, validation: CrossValidation | None
) -> RealComparison | None:
    """Return the fit's labels against a network of the labelled images alone; None without an estimate."""
    if validation is None:
        return None
    return compare(trainer, validation, run.machine.device, partial(run.step, "comparing"))


def _label_heldout(
    run: Run, images: _Images, inverter: FitInverter, label_generator: LabelGenerator
) -> Labelled | None:
    """Label the validation labelset, which gets the same framing and inversion but is never trained on."""
    pinned = images.request.validation_labelset
    if pinned is None:
        return None
    pairs = images.read_framed(pinned)
    return label_codes(
        run,
        "labelling held-out",
        label_generator,
        pairs=pairs,
        inversion=inverter.invert(
            pairs,
            run.steps("inverting held-out"),
            KeptCodes(run, images.request, pinned.id),
        ),
        digest=inverter.digest,
    )
