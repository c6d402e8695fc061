"""The kinds of job in the order in which a visitor meets them, for the first page."""

from typing import Any

from app.ui.jobs import JobPages
from app.ui.pages import batches, evaluations, fits, generators, labelings

PAGES: tuple[JobPages[Any], ...] = (
    generators.PAGES,
    fits.PAGES,
    batches.PAGES,
    labelings.PAGES,
    evaluations.PAGES,
)
