"""Makes the report of an evaluation from the image scores of all arms: tables, curves, warnings and a verdict."""

from collections.abc import Mapping, Sequence

from contracts.evaluations.report import (
    ARM_NAMES,
    BASELINE,
    ArmName,
    ArmRef,
    ArmScore,
    Comparison,
    Curve,
    CurvePoint,
    Difference,
    EvaluationReport,
    Interval,
    PartScore,
    TaskReport,
)
from contracts.schemas import LabelSchema
from workers.evaluating import sentences
from workers.evaluating.measures import MEASURES, Measure
from workers.evaluating.scoring import ImageScores
from workers.evaluating.statistics import CONFIDENCE, NUM_DRAWS, PairedBootstrap

Scores = Mapping[tuple[ArmName, int], Sequence[ImageScores]]
"""The image scores of each training of an arm, by the arm and its number of pairs with labels of the fit."""

PLATEAU_GAIN = 0.01
"""More pairs that add less than a point, and not measurably, bring nothing."""


def build_report(
    scores: Scores,
    labels: LabelSchema,
    *,
    network: str = "unet",
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
    warnings: Sequence[str] = (),
) -> EvaluationReport:
    """Return the report. `labels` is the schema of the held-out labels, `warnings` are those of the job.

    `network` is the name of the downstream network.

    Raises:
        ValueError: there is no arm, an arm has no training, or the arms have different held-out images.
    """
    if not scores:
        raise ValueError("expected the scores of at least one arm, got none")
    refs = sorted(
        (ArmRef(arm=arm, synthetic_pairs=count) for arm, count in scores),
        key=lambda ref: (ARM_NAMES.index(ref.arm), ref.synthetic_pairs),
    )
    by_ref = {ref: scores[ref.arm, ref.synthetic_pairs] for ref in refs}
    names = [task for task in MEASURES if task in next(iter(by_ref.values()))[0].by_task]
    tasks = tuple(_Task(MEASURES[task], by_ref, num_draws, seed).report(labels) for task in names)
    num_images = len(next(iter(by_ref.values()))[0])
    return EvaluationReport(
        network=network,
        num_images=num_images,
        # Direct labelling trains nothing, so it has one run.
        num_seeds=min((len(one) for ref, one in by_ref.items() if ref.arm != "direct"), default=1),
        num_draws=num_draws,
        confidence=CONFIDENCE,
        tasks=tasks,
        verdict=tuple(line for task in tasks for line in sentences.verdict(task)),
        warnings=(*warnings, *sentences.warnings(tasks, num_images)),
    )


class _Task:
    """The report of one task."""

    def __init__(
        self,
        measure: Measure,
        scores: Mapping[ArmRef, Sequence[ImageScores]],
        num_draws: int,
        seed: int,
    ) -> None:
        self.measure = measure
        arms = {
            ref: [one.features(measure.task) for one in trainings]
            for ref, trainings in scores.items()
        }
        # The truth is the same in every arm and training, so any of them counts the images of a part.
        self.part_images = measure.part_images(next(iter(arms.values()))[0]).tolist()
        self.bootstrap = PairedBootstrap(measure, arms, num_draws=num_draws, seed=seed)
        self.refs = list(arms)
        self.largest = {
            name: max((ref for ref in self.refs if ref.arm == name), key=_pairs, default=None)
            for name in ARM_NAMES
        }

    def report(self, labels: LabelSchema) -> TaskReport:
        comparisons = tuple(self._comparisons())
        return TaskReport(
            task=self.measure.task,
            measure=self.measure.title,
            higher_is_better=self.measure.higher_is_better,
            arms=tuple(self._arm(ref, self.measure.part_names(labels)) for ref in self.refs),
            comparisons=comparisons,
            curves=tuple(self._curves()),
            closed_share=self._closed_share(comparisons),
        )

    def _arm(self, ref: ArmRef, names: Sequence[str]) -> ArmScore:
        whole, *parts = self.bootstrap.scores(ref)
        baseline = self.largest[BASELINE]
        differences: list[Difference | None] = [None] * (1 + len(parts))
        if baseline is not None and ref != baseline:
            differences = self.bootstrap.differences(ref, baseline)
        return ArmScore(
            ref=ref,
            score=whole,
            by_seed=tuple(self.bootstrap.by_seed(ref)),
            difference=differences[0],
            parts={
                name: PartScore(num_images=count, score=part, difference=difference)
                for name, count, part, difference in zip(
                    names, self.part_images, parts, differences[1:], strict=True
                )
            },
        )

    def _comparisons(self) -> list[Comparison]:
        """Return the comparisons of the verdict. They are fixed in advance: the largest count, never the best one."""
        network = self.largest["mixed"] or self.largest["synthetic"]
        pairs = [
            (self.largest["mixed"], self.largest["real"]),
            (self.largest["synthetic"], self.largest["real"]),
            (self.largest["labelled"], self.largest["real"]),
            (self.largest["labelled"], self.largest["mixed"]),
            (self.largest["oracle"], self.largest["real"]),
            (self.largest["direct"], network or self.largest["real"]),
            (self.largest["frozen"], network or self.largest["real"]),
        ]
        return [
            Comparison(first=first, second=second, difference=difference)
            for first, second in pairs
            if first is not None and second is not None
            if (difference := self.bootstrap.differences(first, second)[0]) is not None
        ]

    def _closed_share(self, comparisons: Sequence[Comparison]) -> Interval | None:
        """Return the share of the gap from `real` to `oracle` that synthetic pairs close, where there is a gap."""
        arm, base = self.largest["mixed"] or self.largest["synthetic"], self.largest[BASELINE]
        gap = next((one for one in comparisons if one.first.arm == "oracle"), None)
        if arm is None or base is None or gap is None or gap.difference.outcome != "better":
            return None
        return self.bootstrap.closed_share(arm, base, gap.first)

    def _curves(self) -> list[Curve]:
        curves = []
        for arm in ARM_NAMES:
            refs = [ref for ref in self.refs if ref.arm == arm and ref.synthetic_pairs]
            points = [point for ref in refs if (point := self._point(ref, refs[-1])) is not None]
            if len(points) > 1:
                plateau = self._plateau(refs)
                text = sentences.curve(arm, points, plateau, self.measure.title, self._sign)
                curves.append(Curve(arm=arm, points=tuple(points), plateau=plateau, text=text))
        return curves

    def _point(self, ref: ArmRef, last: ArmRef) -> CurvePoint | None:
        score = self.bootstrap.scores(ref)[0]
        if score is None:
            return None
        gain = None if ref == last else self.bootstrap.differences(last, ref)[0]
        return CurvePoint(synthetic_pairs=ref.synthetic_pairs, score=score, gain_to_largest=gain)

    def _plateau(self, refs: Sequence[ArmRef]) -> int | None:
        """Return the first count after which no larger one is measurably better or a point better."""
        for number, ref in enumerate(refs[:-1]):
            gains = [self.bootstrap.differences(more, ref)[0] for more in refs[number + 1 :]]
            if not any(gain is None or self._is_gain(gain) for gain in gains):
                return ref.synthetic_pairs
        return None

    def _is_gain(self, gain: Difference) -> bool:
        return gain.outcome == "better" or self._sign * gain.value > PLATEAU_GAIN

    @property
    def _sign(self) -> int:
        return 1 if self.measure.higher_is_better else -1


def _pairs(ref: ArmRef) -> int:
    return ref.synthetic_pairs
