"""The report of an evaluation."""

from contracts.base import Model


class EvaluationReport(Model):
    """The result of an evaluation, for people and programs."""

    verdict: str
