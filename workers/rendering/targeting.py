"""The targets of a recipe while its samples are drawn: which candidates are worth rendering, and which are accepted."""

from collections.abc import Sequence

import torch
from torch import Tensor

from contracts.recipes.pilots import PlannedClass, TargetPlan
from contracts.recipes.recipe import Recipe
from contracts.recipes.targets import class_targets, groups_of
from contracts.schemas import LabelSchema
from models.arrays import StyleVectors
from models.targets.assignment import Assignment
from models.targets.constraints import Constraint, Flags, are_met
from models.targets.predictor import Predictor
from models.targets.proposals import Proposals
from workers.codecs.samples import Sample
from workers.codecs.segmentation import SegmentationCodec, class_shares
from workers.rendering.selection import Advance, Vectors


def constraints_of(recipe: Recipe) -> tuple[Constraint, ...]:
    """Return a constraint for each class of the recipe's targets."""
    return tuple(
        Constraint(recipe.labels.classes.index(one.class_name), one.min_pixels)
        for one in class_targets(recipe.targets)
    )


class Targeting:
    """Sample i is assigned the classes that it must contain; a candidate is accepted if its label agrees."""

    def __init__(self, recipe: Recipe, plan: TargetPlan) -> None:
        groups = [[one.images for one in group] for group in groups_of(recipe.targets)]
        self._assignment = Assignment(recipe.seed, groups)
        self._constraints = constraints_of(recipe)
        self._predictors = [_predictor(one) for one in plan.classes]
        self._labels: LabelSchema = recipe.labels

    def advance(self, vectors: Vectors) -> Advance:
        """Return the function that skips codes which hardly ever meet the targets."""
        if all(predictor is None for predictor in self._predictors):
            return list
        return Proposals(vectors, self.passes).advance

    def passes(self, vectors: StyleVectors, indices: Sequence[int]) -> Flags:
        """Return whether each candidate is likely to contain what its sample, `indices`, must contain."""
        expected = torch.tensor([self._assignment.of(index) for index in indices])
        passing = torch.ones(len(indices), dtype=torch.bool)
        for number, predictor in enumerate(self._predictors):
            if predictor is not None:
                passing &= predictor.passes(vectors, expected[:, number])
        return passing

    def accepts(self, sample: Sample) -> bool:
        """Return whether the label has exactly the classes that it must have."""
        met = are_met(self._constraints, self._assignment.of(sample.index), self._shares(sample))
        return bool(met[0])

    def contained(self, sample: Sample) -> tuple[bool, ...]:
        """Return for each class of the targets whether the label contains it."""
        shares = self._shares(sample)
        return tuple(bool(one.is_met(shares)[0]) for one in self._constraints)

    def num_codes(self, sample: Sample) -> int:
        """Return the number of codes that were drawn for a sample."""
        return sample.attempt + 1

    def _shares(self, sample: Sample) -> Tensor:
        fields = sample.labels[SegmentationCodec.name]
        # float32, as a pilot measures them
        return torch.tensor(class_shares(fields, self._labels.num_classes)).float()[None]


def _predictor(planned: PlannedClass) -> Predictor | None:
    stored = planned.predictor
    if stored is None:
        return None
    return Predictor(
        torch.tensor(stored.weights), stored.bias, stored.present_from, stored.absent_below
    )
