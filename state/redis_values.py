"""Values that processes of several versions write to Redis as JSON."""

from typing import TypeVar

import structlog
from pydantic import ValidationError

from contracts.base import Model

log = structlog.get_logger()

M = TypeVar("M", bound=Model)


def read_or_skip(model: type[M], text: str, **where: str) -> M | None:
    """Return a value of Redis, or None when this version cannot read it: another one may have written it."""
    try:
        return model.from_stored(text)
    except ValidationError as error:
        log.warning("unreadable value skipped", model=model.__name__, error=str(error), **where)
        return None
