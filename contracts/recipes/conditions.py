"""The requested classes of a class-conditional generator, and the share of each."""

from collections import Counter
from typing import Annotated

from pydantic import Field

from contracts.base import Condition

ConditionName = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,8})$")]
"""A condition as the name of a JSON field."""
ConditionShares = dict[ConditionName, Annotated[float, Field(ge=0, le=1)]]
"""The share of the samples of each condition."""
ConditionChoice = (
    Annotated[Condition, Field(strict=True)]
    | Annotated[
        tuple[Annotated[Condition, Field(strict=True)], ...],
        Field(min_length=1, max_length=100_000),
    ]
    | Annotated[dict[ConditionName, Annotated[float, Field(gt=0, le=1e9)]], Field(min_length=1)]
)
"""What a caller may request: one condition, several with equal shares, or a weight for each."""


def resolve_condition(choice: ConditionChoice | None) -> ConditionShares | None:
    """Return the share of each condition, in order. Raises `ValueError` for a condition that is listed twice."""
    if choice is None:
        return None
    if isinstance(choice, int):
        return {str(choice): 1.0}
    weights = choice if isinstance(choice, dict) else dict.fromkeys(map(str, choice), 1.0)
    if len(weights) < len(choice):
        [(repeated, _)] = Counter(choice).most_common(1)
        raise ValueError(
            f"expected different conditions, got {repeated} twice; give weights to draw one more often"
        )
    total = sum(weights.values())
    return {name: weights[name] / total for name in sorted(weights, key=int)}
