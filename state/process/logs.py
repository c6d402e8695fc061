"""The log of every process: structured events, as text for a terminal or as JSON lines.

Lines of libraries (uvicorn, RQ) go through Python's `logging`; they get the same form and the same output.
"""

import logging
import sys

import structlog
from structlog.typing import Processor

from state.settings import Settings

_LIBRARIES = {
    "": logging.WARNING,
    "uvicorn": logging.INFO,
    "rq": logging.WARNING,
    "rq.worker": logging.WARNING,
}
"""The lowest level of each logger that is written; "" is that of all others."""


def configure_logs(settings: Settings) -> None:
    """Configure the log of the process. Call it once, in `main`. Values bound to the context are in every line."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer()
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    ending: list[Processor] = [structlog.processors.format_exc_info, renderer]
    structlog.configure(processors=[*shared, *ending])
    _configure_libraries(shared, ending)


def _configure_libraries(shared: list[Processor], ending: list[Processor]) -> None:
    """Give the lines of `logging` the form of ours, with the field `logger`."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    logging.getLogger().handlers = [handler]
    for name, level in _LIBRARIES.items():
        logging.getLogger(name).setLevel(level)
