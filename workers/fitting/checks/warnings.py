"""Warnings of a fit in plain sentences: where generated pairs would teach a network badly, and what to do."""

from collections.abc import Iterator, Sequence
from itertools import islice

from contracts.fits.metrics import GeneratedShares, RealComparison
from workers.codecs.task import TaskCodec

MAX_LINES = 10


def warn(
    codecs: Sequence[TaskCodec],
    comparison: RealComparison | None,
    generated: GeneratedShares | None,
) -> tuple[str, ...]:
    """Return at most `MAX_LINES` warnings, the most important first. `codecs` are those of the fit's tasks."""
    return tuple(islice(_lines(codecs, comparison, generated), MAX_LINES))


def _lines(
    codecs: Sequence[TaskCodec],
    comparison: RealComparison | None,
    generated: GeneratedShares | None,
) -> Iterator[str]:
    if comparison is not None and comparison.predicts_harm:
        yield (
            "generated pairs alone will probably teach a network less than your labelled images do: on"
            f" {comparison.num_images} images that neither has seen, the fit's labels score {comparison.fit:.2f}, and a"
            f" small network trained on the labelled images alone {comparison.real:.2f}. Improve the fit (see the"
            " advice), or train on real and generated pairs together and check the gain with an evaluation"
        )
    if generated is not None:
        yield from _low_shares(codecs, generated)


def _low_shares(codecs: Sequence[TaskCodec], generated: GeneratedShares) -> Iterator[str]:
    """Yield a line for each class or keypoint that samples clearly lack, the most lacking first."""
    low = [
        (
            share.generated / share.labelled,
            codec.compared_shares(name, share, generated.num_samples),
        )
        for codec in codecs
        for name, share in generated.tasks.get(codec.name, {}).items()
        if share.is_low
    ]
    for _, sentence in sorted(low):
        yield (
            f"{sentence}. The generator makes it seldom or the fit misses it, so batches will hardly teach it: look at"
            " samples, train the generator on more images with it, or mix real pairs into training. This is no fault"
            " if you labelled such images on purpose more often than they occur"
        )
