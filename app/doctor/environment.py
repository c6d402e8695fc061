"""Checks of the settings: variables that no setting reads, values that are refused, combinations that do not work."""

import difflib
import os
from collections.abc import Mapping

from pydantic import ValidationError

from app.binding import may_bind
from state.process.findings import Finding, fault, ok, warning
from state.settings import ENV_PREFIX, Settings

SUBJECT = "settings"
OTHER_VARIABLES = frozenset(
    {
        "HANDSOFF_URL",
        "HANDSOFF_API_KEY",
        "HANDSOFF_CACHE",
        "HANDSOFF_RETRY_SECONDS",
        "HANDSOFF_REDIS_SERVER",
    }
)
"""Read by the client and the demo."""


def read_settings() -> tuple[Settings | None, list[Finding]]:
    """Return the settings of this environment, None if they are refused, and a finding for each problem."""
    findings = unknown_variables(os.environ)
    try:
        settings = Settings()
    except ValidationError as error:
        return None, findings + [_refused(one["loc"], one["msg"]) for one in error.errors()]
    except OSError as error:  # a file that HANDSOFF_..._FILE names
        text = f"{error.filename} cannot be read ({error.strerror}); a HANDSOFF_..._FILE names it"
        return None, [*findings, fault(SUBJECT, text, "Create the file, or remove the variable.")]
    return settings, findings + combinations(settings)


def unknown_variables(environ: Mapping[str, str]) -> list[Finding]:
    """Return a warning for each HANDSOFF_ variable that nothing reads: a misspelt one has no effect."""
    known = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    readable = known | {f"{name}_FILE" for name in known} | OTHER_VARIABLES
    return [
        warning(SUBJECT, f"no setting is called {name}", _advice(name, known))
        for name in sorted(environ)
        if name.startswith(ENV_PREFIX) and name not in readable
    ]


def combinations(settings: Settings) -> list[Finding]:
    """Return the problems of valid settings, or one finding that there are none."""
    found = []
    if not may_bind(settings):
        text = f"HANDSOFF_HOST is {settings.host}: the app refuses every address but loopback"
        mend = "Set HANDSOFF_AUTH=keys or HANDSOFF_HOST=127.0.0.1, or HANDSOFF_TRUST_NETWORK=true in a container."
        found.append(fault(SUBJECT, text, mend))
    if settings.link_secret is None:
        text = "HANDSOFF_LINK_SECRET is not set: links and cursors end with the app's process"
        mend = "Set it to 32 random characters, the same for all app processes."
        found.append(warning(SUBJECT, text, mend))
    endpoint = settings.store_endpoint or ""
    if endpoint.startswith("http://") and not settings.store_allow_http:
        text = f"the endpoint {endpoint} of the store uses no TLS, which is refused"
        found.append(
            fault(SUBJECT, text, "Set HANDSOFF_STORE_ALLOW_HTTP=true if you trust the network.")
        )
    return found or [ok(SUBJECT, "all values are valid")]


def _refused(where: tuple[int | str, ...], message: str) -> Finding:
    name = f"{ENV_PREFIX}{'_'.join(map(str, where)).upper()}"
    mend = f"Correct {name}; .env.example shows the form of every value."
    return fault(SUBJECT, f"the value of {name} is refused: {message}", mend)


def _advice(name: str, known: set[str]) -> str:
    similar = difflib.get_close_matches(name, known, n=1)
    return (
        f"Did you mean {similar[0]}?" if similar else "Remove it; .env.example lists all settings."
    )
