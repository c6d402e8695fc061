"""Check the names of options before images are uploaded, with the OpenAPI document of the service."""

from collections.abc import Mapping
from typing import Any

from handsoff_client.http.operations import GET_OPENAPI
from handsoff_client.http.transport import Transport
from handsoff_shards.errors import HandsOffError, InvalidInput

Json = Mapping[str, Any]


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
