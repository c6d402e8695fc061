"""A fit: labelled images in, a label generator out. Invert the images, train and score an ensemble, draw a sheet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from contracts.errors.jobs import InputMissing, JobFailed
from contracts.fits.fit import FitManifest, FitRequest, PinnedLabelset
from contracts.fits.metrics import Estimate
from contracts.jobs import JobRef
from contracts.labelsets import LabelsetManifest
from models.inversion.framing import Framing
from models.labels.label_generator import LabelGenerator
from state import keys, records
from state.store import Store
from workers.codecs.task import TaskCodec
from workers.fitting.choosing import choose_features
from workers.fitting.estimates import estimate
from workers.fitting.inverting import FitInverter
from workers.fitting.labelling import Labelled, label_codes
from workers.fitting.options import training_options
from workers.fitting.pairs import Pairs, read_labelset
from workers.fitting.reframing import reframed
from workers.fitting.results import Judged, is_as_uploaded, write_result
from workers.fitting.tasks import Trainer
from workers.runtime import jobs
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Run the fit that `argument` names."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _fit)


def _fit(run: Run) -> FitManifest:
    """Make the fit, step by step. The caller writes the manifest last."""
    request = _read_request(run.machine.store, run.ref)
    images = _Images(run.machine.store, request, run.machine.tasks)
    labelset = read_labelset(run.machine.store, request.tenant, request.labelset)
    pairs = images.read(labelset)
    _check_labelled(pairs)
    inverter = FitInverter.open(run.machine, request)
    images.framing = inverter.find_framing(pairs)
    pairs = images.framed(pairs)
    _check_labelled(pairs)
    inversion = inverter.invert(pairs, run.steps("inverting"))
    cache_bytes = run.machine.settings.feature_cache_bytes
    trainer = Trainer(
        generator=inverter.generator,
        pairs=pairs,
        codes=inversion.codes,
        wanted=training_options(request.options.ensemble, cache_bytes=cache_bytes),
        seed=request.seed,
        micro_batches=run.machine.micro_batches,
        digest=request.generator.digest,
    )
    trainer, expected = _estimate(run, request, trainer)
    ensemble = trainer.train(trainer.wanted, run.steps("training"))
    label_generator = LabelGenerator(inverter.generator, ensemble)
    training = label_codes(
        run,
        "labelling",
        label_generator,
        pairs=pairs,
        inversion=inversion,
        digest=request.generator.digest,
    )
    judged = Judged(
        labelset=labelset,
        training=training,
        heldout=_label_heldout(run, images, inverter, label_generator),
        estimate=expected,
        min_tap_px=trainer.wanted.min_tap_px,
        framing=images.framing,
        perceptual_sha256=inverter.perceptual_sha256,
    )
    return write_result(run, request, ensemble, judged)


@dataclass
class _Images:
    """Reads labelsets at the generator's size, and frames them alike once the framing is known."""

    store: Store
    request: FitRequest
    tasks: Sequence[TaskCodec]
    framing: Framing = field(default_factory=Framing)

    def read(self, labelset: LabelsetManifest) -> Pairs:
        px = (self.request.generator.height_px, self.request.generator.width_px)
        return Pairs.read(self.store, labelset, fit=self.request.labels, px=px, tasks=self.tasks)

    def framed(self, pairs: Pairs) -> Pairs:
        """Return the pairs as the fit uses them: as uploaded, or cropped to the framing."""
        return pairs if is_as_uploaded(self.request) else reframed(pairs, self.framing)

    def read_framed(self, pinned: PinnedLabelset) -> Pairs:
        return self.framed(self.read(read_labelset(self.store, self.request.tenant, pinned)))


def _read_request(store: Store, ref: JobRef) -> FitRequest:
    request = records.read(store, keys.job_request(ref), FitRequest)
    if request is None:
        raise InputMissing(f"The request of '{ref}' is gone.")
    return request


def _check_labelled(pairs: Pairs) -> None:
    """Check before the long work: the app checked the labels as uploaded, not at the generator's size."""
    unlabelled = pairs.unlabelled()
    if unlabelled:
        raise JobFailed(
            f"Expected labels in every image, but at the generator's size {', '.join(unlabelled[:10])} have only"
            " ignored pixels. Label something larger in them, or leave them out."
        )


def _estimate(run: Run, request: FitRequest, trainer: Trainer) -> tuple[Trainer, Estimate | None]:
    """Return the trainer with every choice made, and the estimated quality of its labels."""
    if not request.options.estimate:
        return trainer, None
    step = partial(run.step, "estimating")  # the stage begins with the first step, if there is one
    if request.options.ensemble.min_tap_px is None:
        return choose_features(trainer, step)
    return trainer, estimate(trainer, step)


def _label_heldout(
    run: Run, images: _Images, inverter: FitInverter, label_generator: LabelGenerator
) -> Labelled | None:
    """Label the validation labelset, which is framed and inverted alike and never trained on."""
    pinned = images.request.validation_labelset
    if pinned is None:
        return None
    pairs = images.read_framed(pinned)
    return label_codes(
        run,
        "labelling held-out",
        label_generator,
        pairs=pairs,
        inversion=inverter.invert(pairs, run.steps("inverting held-out")),
        digest=inverter.digest,
    )
