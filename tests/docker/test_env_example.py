"""`.env.example` lists every setting with its default."""

import re

import pytest
from pydantic import TypeAdapter

from state.process.tracing import ENDPOINTS
from state.settings import ENV_PREFIX, Settings
from tests.docker.composition import BASE, FILES, OWN_SERVICES, environment, services, variables
from tests.docker.dockerfiles import NAMES, REPOSITORY, read

LINES = re.findall(r"^# ([A-Z0-9_]+)=(.*)$", (REPOSITORY / ".env.example").read_text(), re.M)
LISTED = {name.removesuffix("_FILE") for name, _ in LINES}
SET_BY_IMAGES = {key: value for name in NAMES for key, value in read(name)[-1].environment.items()}
SET_BY_COMPOSE = {key for name in OWN_SERVICES for key in environment(services(BASE)[name])}
PLAIN = [line for line in LINES if line[0].startswith(ENV_PREFIX) and not line[0].endswith("_FILE")]


def test_every_setting_is_listed() -> None:
    """Each field of the settings has a line, unless the images or Compose set it."""
    fields = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    set_elsewhere = {name.removesuffix("_FILE") for name in SET_BY_COMPOSE | SET_BY_IMAGES.keys()}
    assert fields - LISTED - set_elsewhere == set()


def test_every_line_is_used() -> None:
    """No line is for a setting or a variable that no longer exists."""
    fields = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    of_compose = {"COMPOSE_PROFILES"} | {name for file in FILES for name in variables(file)}
    assert LISTED - fields - of_compose - set(ENDPOINTS) == set()


def test_every_variable_of_compose_is_listed() -> None:
    """Every variable of the Compose files is in the list."""
    assert {name for file in FILES for name in variables(file)} <= LISTED


@pytest.mark.parametrize(("name", "value"), PLAIN)
def test_a_line_shows_the_default(name: str, value: str) -> None:
    """The value is valid and equals the default, if there is one. Lines for S3 are examples."""
    field = Settings.model_fields[name.removeprefix(ENV_PREFIX).lower()]
    adapter = TypeAdapter(field.rebuild_annotation())
    default = SET_BY_IMAGES.get(name, field.default)
    is_example = default is None or "S3" in value.upper() or name.endswith("_ALLOW_HTTP")
    assert is_example or adapter.validate_strings(value) == adapter.validate_python(default)
