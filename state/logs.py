"""Sets up the log of each process: structured events, as text for a terminal or as JSON lines for programs."""

import structlog

from state.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Configure the log, once, in the main of the process. Each line has the values that are bound to the context."""
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ]
    )
