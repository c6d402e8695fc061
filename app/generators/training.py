"""The training of a generator: its check before it is queued, and the request to end it early. Knows no HTTP."""

from app.generators.schemas import GeneratorForm
from app.jobs import service as jobs
from app.jobs.service import JobState
from app.services import Services
from contracts.base import now
from contracts.errors.conflicts import NotTrained
from contracts.errors.tree import InvalidRequest
from contracts.generators.families import GeneratorFamily, family_of
from contracts.generators.generator import GeneratorRequest, StoredGenerator
from contracts.generators.training import TrainingOptions
from contracts.jobs import Cancellation, JobRef
from state import keys, records

START_POINTER = "/training/start_from"


def check_training(services: Services, form: GeneratorForm) -> None:
    """Raise `InvalidRequest` for a family that cannot be trained, options of an import, or options without effect."""
    options = form.training
    if options is None:
        return
    if form.import_options is not None:
        raise InvalidRequest.at(
            "/import_options",
            "Expected training or import_options, got both. Images have no import options: leave them out.",
        )
    trainable = {family.name: family for family in services.families if family.is_trainable}
    if options.family not in trainable:
        raise InvalidRequest.at(
            "/training/family",
            f"Expected a family that can be trained ({', '.join(trainable)}), got '{options.family}'.",
        )
    family = trainable[options.family]
    if options.augment and not family.can_augment:
        raise _without_effect(family, "augment", "its training has no augmentation")
    if options.inverter_images and not family.has_inverters:
        raise _without_effect(family, "inverter_images", "it needs no inverter")


def check_start(services: Services, options: TrainingOptions, start: StoredGenerator) -> None:
    """Raise `InvalidRequest` for a start from a generator of another family, or without the networks it needs."""
    family = family_of(start, services.families)
    if family.name != options.family:
        raise InvalidRequest.at(
            START_POINTER,
            f"Expected a generator of the family '{options.family}', got '{start.id}' of the family '{family.name}'."
            f" Set family to '{family.name}', or choose another generator.",
        )
    if family.needs_discriminator and start.discriminator is None:
        raise InvalidRequest.at(
            START_POINTER,
            f"Expected a generator with its discriminator, which '{start.id}' lacks. Choose another, or leave it out.",
        )


def _without_effect(family: GeneratorFamily, option: str, reason: str) -> InvalidRequest:
    return InvalidRequest.at(
        f"/training/{option}",
        f"Expected no {option} for the family '{family.name}': {reason}. Leave it out.",
    )


def stop(services: Services, ref: JobRef) -> JobState:
    """Ask a training to end with its best snapshot. Changes nothing when it has ended.

    Raises `NotFound`, `Gone`, or `NotTrained` for an import.
    """
    state = jobs.find(services, ref)
    request = state.record.request
    assert isinstance(request, GeneratorRequest)
    if request.training is None:
        raise NotTrained(ref.id)
    if not state.status.is_terminal:
        records.create(services.store, keys.training_stop(ref), Cancellation(requested_at=now()))
    return state
