"""The log of every process: structured events, as text for a terminal or as JSON lines."""

import structlog

from state.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Configure the log of the process. Call it once, in `main`. Values bound to the context are in every line."""
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
