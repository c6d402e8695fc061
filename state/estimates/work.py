"""What a job's cost grows with, and a built-in guess of it. The app predicts by it, and workers measure by it."""

from dataclasses import dataclass

from contracts.batches import BatchRequest
from contracts.evaluations.evaluation import EvaluationRequest
from contracts.evaluations.networks import network_name
from contracts.fits.fit import FitRequest
from contracts.generators.generator import GeneratorRequest, PinnedGenerator
from contracts.generators.inverters import InverterRequest
from contracts.generators.training import TrainingOptions
from contracts.jobs import JobRef, Request
from contracts.labelings import LabelingRequest
from contracts.labelsets import LabelsetManifest
from state import keys, records
from state.store import Store

_MB = 1_000_000
_PIXELS = 64 * 64
"""The guesses are those of images of 64 x 64 px; they grow with the number of pixels."""
_INVERTING, _TRAINING, _ESTIMATING = 6.0, 136.0, 163.0
"""Seconds: an image with 100 steps, 10 members with 1,500 steps, an estimate (benchmarks/LOG.md, 16 portraits)."""


@dataclass(frozen=True)
class Work:
    """The sort of a job, and how much of it there is.

    Seconds grow with `units`, bytes with `byte_units`, by default the same. `seconds` and `num_bytes` are guesses for
    one unit of each, on one core of a CPU.
    """

    name: str
    units: float
    seconds: float
    num_bytes: float
    byte_units: float | None = None

    def bytes_at(self, bytes_per_unit: float) -> int:
        """Return the bytes of all units."""
        return round((self.byte_units or self.units) * bytes_per_unit)


def work_of(store: Store, request: Request) -> Work | None:
    """Return the work of a job, or None when its inputs are gone."""
    match request:
        case BatchRequest() | LabelingRequest():
            return _of_pairs(store, request)
        case FitRequest():
            return _of_fit(store, request)
        case EvaluationRequest():
            return _of_evaluation(request)
        case InverterRequest():
            size, share = _size(request.generator)
            return Work(f"inverter/{size}", request.options.num_images, 0.1 * share, 500)
        case GeneratorRequest():
            return _of_generator(request)
        case _:
            return None


def _of_evaluation(request: EvaluationRequest) -> Work:
    """Return the work of an evaluation: trainings of 600 steps. Other libraries' networks are several times larger."""
    network, number = request.options.network, len(request.units)
    seconds = 60 if network == "unet" else 300
    name = f"evaluation of 600 steps/{network_name(network)}"
    return Work(name, number * request.options.steps / 600, seconds, 50_000, byte_units=number)


def _of_pairs(store: Store, request: BatchRequest | LabelingRequest) -> Work | None:
    fit_ref = JobRef(tenant=request.tenant, id=request.fit.id)
    fit = records.read_request(store, fit_ref, FitRequest)
    if fit is None:
        return None
    size, share = _size(fit.generator)
    if isinstance(request, LabelingRequest):
        units = max(request.original.num_bytes / _MB, 0.001)
        return Work(f"labeling/{size}", units, 60 * share, 2 * _MB)
    kept = 1 - request.filter.drop_share if request.filter is not None else 1.0
    sort = "targeted batch" if request.has_class_targets else "batch"
    name = f"{sort}/{size}/{request.image_format}"
    return Work(name, request.n / kept, 0.1 * share, 20_000 * share)


def _of_fit(store: Store, request: FitRequest) -> Work | None:
    """Return the work of a fit. Its units are guessed seconds, so that a quick trial does not predict a whole fit.

    Each image is inverted; the ensemble is trained, and for an estimate again in parts.
    """
    sets = [one for one in (request.labelset, request.validation_labelset) if one is not None]
    found = [
        records.read(store, keys.manifest(request.tenant, "labelsets", one.id), LabelsetManifest)
        for one in sets
    ]
    images = sum(len(each.entries) for each in found if each is not None)
    if not images:
        return None
    size, share = _size(request.generator)
    inversion, ensemble = request.options.inversion, request.options.ensemble
    inverting = _INVERTING * images * inversion.steps / 100
    # The mirrored images are inverted too. Without an inverter the codes are usually the images.
    if ensemble.flips and request.inverter_digest is not None:
        inverting *= 2
    training = _TRAINING + (_ESTIMATING if request.options.estimate else 0)
    training *= ensemble.steps / 1_500 * ensemble.num_members / 10
    how = "estimated fit" if request.options.estimate else "fit"
    return Work(f"{how}/{size}", (inverting + training) * share, 1, 100_000, byte_units=images)


def _of_generator(request: GeneratorRequest) -> Work | None:
    if request.training is not None:
        return _of_training(request.training)
    if request.original is None:
        return None
    return Work("import", max(request.original.num_bytes / _MB, 0.001), 1, _MB)


def _of_training(options: TrainingOptions) -> Work:
    if options.hours is not None:
        return Work("training/hours", options.hours, 3_600, 5 * _MB)
    px = options.px if isinstance(options.px, int) else max(options.px)
    name = f"training/{options.family}/{px}"
    return Work(name, options.images or 1, 0.05 * px * px / _PIXELS, 10)


def _size(generator: PinnedGenerator) -> tuple[str, float]:
    pixels = generator.height_px * generator.width_px
    return f"{generator.height_px}x{generator.width_px}", pixels / _PIXELS
