"""Renders the templates of the page. All text is escaped; an undefined name is an error."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.ui import formatting
from app.ui.images.palette import color_of, hex_of

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"

_FILTERS = (
    formatting.ago,
    formatting.duration,
    formatting.count,
    formatting.size,
    formatting.score,
    formatting.plain,
    formatting.share,
    formatting.decibels,
    formatting.short,
    formatting.words,
    formatting.sentence,
)


def render(template: str, **context: Any) -> str:  # noqa: ANN401 - values of any page
    """Return the text of a template."""
    return _environment().get_template(template).render(**context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {function.__name__: function for function in _FILTERS}
    environment.globals |= {"asset": asset_url, "color_of": color_of, "hex_of": hex_of}
    return environment


@cache
def asset_url(name: str) -> str:
    """Return the address of a static file. It changes with the content, so browsers may keep the file."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/ui/static/{name}?v={digest[:12]}"
