"""`.env.example` lists every setting, with its true default."""

import re

import pytest
from pydantic import TypeAdapter

from state.settings import ENV_PREFIX, Settings
from tests.docker.composition import BASE, FILES, OURS, environment, services, variables
from tests.docker.dockerfiles import NAMES, REPOSITORY, read

LINES = re.findall(r"^# ([A-Z0-9_]+)=(.*)$", (REPOSITORY / ".env.example").read_text(), re.M)
LISTED = {name.removesuffix("_FILE") for name, _ in LINES}
SET_BY_IMAGES = {key: value for name in NAMES for key, value in read(name)[-1].environment.items()}
SET_BY_COMPOSE = {key for name in OURS for key in environment(services(BASE)[name])}
PLAIN = [line for line in LINES if line[0].startswith(ENV_PREFIX) and not line[0].endswith("_FILE")]


def test_every_setting_is_listed() -> None:
    """Each field of the settings has its line, unless the images and Compose decide it. A new one wants a new line."""
    fields = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    decided = {name.removesuffix("_FILE") for name in SET_BY_COMPOSE | SET_BY_IMAGES.keys()}
    assert fields - LISTED - decided == set()


def test_every_line_is_understood() -> None:
    """No line is left over from a setting or a variable that is gone."""
    fields = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    of_compose = {"COMPOSE_PROFILES"} | {name for file in FILES for name in variables(file)}
    assert LISTED - fields - of_compose == set()


def test_every_variable_of_compose_is_listed() -> None:
    """What the Compose files let their user set stands in the list."""
    assert {name for file in FILES for name in variables(file)} <= LISTED


@pytest.mark.parametrize(("name", "value"), PLAIN)
def test_a_line_shows_the_default(name: str, value: str) -> None:
    """The value is valid, and is what holds without the line, where something does; S3's lines are examples."""
    field = Settings.model_fields[name.removeprefix(ENV_PREFIX).lower()]
    adapter = TypeAdapter(field.rebuild_annotation())
    default = SET_BY_IMAGES.get(name, field.default)
    is_example = default is None or "S3" in value.upper() or name.endswith("_ALLOW_HTTP")
    assert is_example or adapter.validate_strings(value) == adapter.validate_python(default)
