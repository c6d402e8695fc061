"""How every process writes its log: structured events, for people on a terminal or as JSON lines for a machine."""

import structlog

from state.settings import Settings


def configure_logs(settings: Settings) -> None:
    """Sets the process's log up, once, in its main. What is bound to the context is in every line."""
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
