"""The operator's limits of an evaluation: pairs with labels of the fit, their bytes in memory, steps of trainings."""

from contracts.errors.tree import InvalidRequest
from contracts.evaluations.evaluation import ResolvedEvaluationOptions, plan_units
from contracts.generators.generator import PinnedGenerator
from contracts.schemas import LabelSchema
from state.settings import Settings


def check_limits(
    settings: Settings,
    options: ResolvedEvaluationOptions,
    labels: LabelSchema,
    generator: PinnedGenerator,
    *,
    num_own: int = 0,
) -> None:
    """Raise `InvalidRequest` for too many pairs or steps. `num_own` are own images that the fit has labelled."""
    num_generated = options.most_synthetic
    pair_bytes = generator.height_px * generator.width_px * _bytes_per_pixel(labels)
    _check_pairs(settings, pair_bytes, "/options/synthetic_counts", num_generated)
    _check_pairs(settings, pair_bytes, "/labeling", num_generated, num_own)
    num_trainings = sum(unit.seed is not None for unit in plan_units(options))
    if num_trainings * options.steps > settings.max_evaluation_steps:
        detail = (
            f"Expected at most {settings.max_evaluation_steps:,} steps of all trainings together, got"
            f" {num_trainings} trainings of {options.steps:,}. Request fewer steps, seeds, counts or arms."
        )
        raise InvalidRequest.at("/options/steps", detail)


def _check_pairs(
    settings: Settings, pair_bytes: int, pointer: str, num_generated: int, num_own: int = 0
) -> None:
    """Raise `InvalidRequest` at `pointer` for too many pairs, or too many bytes of them."""
    total, what, number, advice = num_generated, "generated pairs", f"{num_generated}", ""
    if num_own:
        total, what = num_generated + num_own, "generated pairs and own images together"
        number = f"{num_generated} and {num_own}"
        advice = " Request fewer generated pairs, or label fewer images."
    if total > settings.max_evaluation_pairs:
        detail = f"Expected at most {settings.max_evaluation_pairs} {what}, got {number}.{advice}"
        raise InvalidRequest.at(pointer, detail)
    if total * pair_bytes > settings.max_evaluation_bytes:
        detail = (
            f"Expected {what} of at most {settings.max_evaluation_bytes:,} bytes, got {number} of {pair_bytes:,} bytes"
            f" each. At this size, {settings.max_evaluation_bytes // pair_bytes} are possible.{advice}"
        )
        raise InvalidRequest.at(pointer, detail)


def _bytes_per_pixel(labels: LabelSchema) -> int:
    """Return the bytes of a pair for each pixel: three colors, a byte of the mask, and depth in float32."""
    return 3 + bool(labels.classes) + 4 * (labels.depth is not None)
