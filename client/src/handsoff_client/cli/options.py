"""Parse options: `--option ensemble.steps=500` becomes a field of the request. Check their names before an upload."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from handsoff_client.http.operations import GET_OPENAPI
from handsoff_client.http.transport import Transport
from handsoff_shards.errors import HandsOffError, InvalidInput

Json = Mapping[str, Any]


def parse_option(text: str) -> tuple[str, Any]:
    """Return dotted name and value of an option such as `ensemble.steps=500`. The value is JSON if possible, else text.

    Raises `ValueError` for text of another form.
    """
    name, mark, value = text.partition("=")
    if not mark or not all(part.strip() == part and part for part in name.split(".")):
        raise ValueError(f"expected KEY=VALUE such as ensemble.steps=500, got {text!r}")
    try:
        return name, json.loads(value, parse_constant=_refuse)
    except ValueError:
        return name, value


def nested(options: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return dotted options as one object: `ensemble.steps` becomes a field of the object `ensemble`.

    Raises `InvalidInput` when an option is given twice, or as a value and as an object.
    """
    result: dict[str, Any] = {}
    for name, value in options:
        *outer, last = name.split(".")
        fields = result
        for part in outer:
            fields = fields.setdefault(part, {})
            if not isinstance(fields, dict):
                raise InvalidInput(
                    f"Option '{part}' is given as a value, and '{name}' as a field of it. Keep one."
                )
        if last in fields:
            raise InvalidInput(f"Option '{name}' is given twice. Keep one.")
        fields[last] = value
    return result


def merged(options: Iterable[tuple[str, Any]], **more: object) -> Mapping[str, Any] | None:
    """Return the options of a fit: the dotted ones, and `more` without None. None when there is no option."""
    named = [(name, value) for name, value in more.items() if value is not None]
    return nested([*options, *named]) or None


def _refuse(text: str) -> NoReturn:
    """Refuse NaN and Infinity: Python reads them, but they are not JSON."""
    raise ValueError(text)


def check_option_names(
    transport: Transport, options: Json, body: str = "FitCreate", field: str = "options"
) -> None:
    """Raise `InvalidInput` for an option that the service does not have. It checks the values itself, after the upload.

    `body` is the schema of the request, `field` its field with the options.

    Nothing is checked when the document is not available, for example behind a proxy.
    """
    try:
        schemas = transport.call(GET_OPENAPI)["components"]["schemas"]
        schema = schemas[body]["properties"][field]
    except (HandsOffError, KeyError, TypeError):
        return
    _check(schemas, schema, options, "")


def _check(schemas: Json, schema: Json, options: Json, prefix: str) -> None:
    properties = _properties(schemas, schema)
    for name, value in options.items():
        if properties and name not in properties:
            names = ", ".join(f"{prefix}{one}" for one in properties)
            raise InvalidInput(
                f"Expected an option of {names}, got '{prefix}{name}'. Nothing was uploaded."
            )
        if isinstance(value, Mapping):
            _check(schemas, properties.get(name, {}), value, f"{prefix}{name}.")


def _properties(schemas: Json, schema: Json) -> dict[str, Json]:
    """Return the fields of a schema and of its alternatives; empty for a schema that is not an object."""
    if "$ref" in schema:
        return _properties(schemas, schemas.get(schema["$ref"].rpartition("/")[2], {}))
    properties = dict(schema.get("properties", {}))
    for alternative in schema.get("anyOf", ()):
        properties |= _properties(schemas, alternative)
    return properties
