"""The OpenAPI 3.1 document: FastAPI's own, with every status, header, field and example.

Names are short (`create_fit`, `FitPage`), and client generators can process everything.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from app.fits.uploading import BODY_SCHEMAS as FIT_SCHEMAS
from app.generators.uploading import BODY_SCHEMAS
from app.http.problems import Problem
from app.http.validation import Validation
from app.labelings.uploading import BODY_SCHEMAS as LABELING_SCHEMAS
from app.openapi.delivery_fields import DELIVERY_FIELDS
from app.openapi.described import Described, Table
from app.openapi.evaluation_fields import EVALUATION_FIELDS
from app.openapi.fit_fields import FIT_FIELDS
from app.openapi.job_fields import JOB_FIELDS
from app.openapi.label_fields import LABEL_FIELDS
from app.openapi.labeling_fields import LABELING_FIELDS
from app.openapi.parameters import PARAMETERS, id_parameter
from app.openapi.responses import add_errors, add_successes, header_components
from app.openapi.security import SCHEMES, security_of
from app.openapi.steering_fields import STEERING_FIELDS
from app.openapi.target_fields import TARGET_FIELDS
from app.openapi.tenant_fields import TENANT_FIELDS
from app.openapi.training_fields import TRAINING_FIELDS
from contracts.kinds import Kinds

FIELDS: Table = {
    **JOB_FIELDS,
    **LABEL_FIELDS,
    **FIT_FIELDS,
    **TRAINING_FIELDS,
    **LABELING_FIELDS,
    **EVALUATION_FIELDS,
    **TENANT_FIELDS,
    **TARGET_FIELDS,
    **DELIVERY_FIELDS,
    **STEERING_FIELDS,
}

_REF = "#/components/schemas/"
_METHODS = ("get", "put", "post", "delete", "patch")
_PAGE = re.compile(r"Page_(\w+?)(View|Summary)?_")
_FORM = re.compile(r"Body_create_(\w+)")
_BYTES = {"type": "string", "format": "binary"}
_HEADER_NAMES = {"prefer": "Prefer", "if-none-match": "If-None-Match", "if-range": "If-Range"}
_FILE_TYPES = (
    "application/json",
    "application/octet-stream",
    "application/x-tar",
    "application/zip",
    "image/png",
    "image/svg+xml",
    "text/html",
    "text/markdown",
)
"""What a stored object may be. A link says which by its name."""

Json = dict[str, Any]


class Api(FastAPI):
    """FastAPI with a full description of the API."""

    def __init__(self, *, kinds: Kinds, **options: Any) -> None:  # noqa: ANN401 - FastAPI's own options
        super().__init__(**options)
        self._kinds = frozenset(kind.name for kind in kinds)

    def openapi(self) -> Json:
        """Return the document, built once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(super().openapi(), self._kinds)
        return self.openapi_schema


def describe(document: Json, kinds: frozenset[str]) -> Json:
    """Complete FastAPI's document in place, and return it. `kinds` are the names of the kinds of job."""
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own: ours are problems
        schemas.pop(unused, None)
    document["components"]["headers"] = header_components()
    document["components"]["securitySchemes"] = SCHEMES
    renamed = {old: _plain_name(old) for old in schemas if _plain_name(old) != old}
    for old, new in renamed.items():
        schemas[new] = {**schemas.pop(old), "title": new}
    schemas |= BODY_SCHEMAS | FIT_SCHEMAS | LABELING_SCHEMAS
    for model in (Problem, Validation):  # no route names them
        schemas[model.__name__] = _schema_of(model, schemas)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    _rename(document, renamed)
    for name, schema in schemas.items():
        _describe_fields(name, schema)
    for method, operation in operations(document):
        _describe_operation(method, operation, kinds)
    return document


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield the method and the operation of each path."""
    for path in document["paths"].values():
        yield from ((method, path[method]) for method in _METHODS if method in path)


def described(owner: str, field: str) -> Described | None:
    """Return the description of a field: by `Schema.field`, else by `field`."""
    return FIELDS.get(f"{owner}.{field}") or FIELDS.get(field)


def _schema_of(model: type[BaseModel], schemas: Json) -> Json:
    own = model.model_json_schema(ref_template=_REF + "{model}")
    schemas |= own.pop("$defs")
    return own


def _plain_name(name: str) -> str:
    """FastAPI's names of pages (`Page_FitView_`) and forms (`Body_create_labelset`) as single words."""
    if page := _PAGE.fullmatch(name):
        return f"{page[1]}Page"
    form = _FORM.fullmatch(name)
    return f"{form[1].title()}Form" if form else name


def _rename(node: Any, renamed: Mapping[str, str]) -> None:  # noqa: ANN401 - any part of a JSON document
    """Point every reference to a renamed schema at its new name."""
    if isinstance(node, list):
        for one in node:
            _rename(one, renamed)
    elif isinstance(node, dict):
        name = str(node.get("$ref", "")).removeprefix(_REF)
        if name in renamed:
            node["$ref"] = _REF + renamed[name]
        for one in node.values():
            _rename(one, renamed)


def _describe_fields(owner: str, schema: Json) -> None:
    is_form = owner.endswith("Form")
    for field, own in schema.get("properties", {}).items():
        own.pop("title", None)  # the name again
        if is_form:
            _make_plain(own)
        if isinstance(own.get("default"), dict):
            # A default that is an object makes generators of clients drop the whole operation.
            del own["default"]
        found = described(owner, field)
        if found is not None:
            own["description"] = found.text
            if found.example is not None and "$ref" not in own:
                own["examples"] = [found.example]


def _make_plain(field: Json) -> None:
    """A field of a form is a file, a list of files or text: a form has no null."""
    alternatives = [one for one in field.pop("anyOf", ()) if one != {"type": "null"}]
    for one in alternatives:
        field |= one
    if "contentMediaType" in field:
        field.pop("contentMediaType")
        field |= _BYTES
    if "contentMediaType" in field.get("items", {}):
        field["items"] = dict(_BYTES)


def _describe_operation(method: str, operation: Json, kinds: frozenset[str]) -> None:
    name = operation["operationId"]
    operation["responses"].pop("422", None)  # FastAPI's own
    for parameter in operation.get("parameters", ()):
        parameter["name"] = _HEADER_NAMES.get(parameter["name"], parameter["name"])
        _describe_parameter(name, parameter)
    if name == "put_content":
        body = {"application/octet-stream": {"schema": _BYTES}}
        operation["requestBody"] = {"required": True, "content": body}
    if name == "read_file":
        content = {media_type: {"schema": _BYTES} for media_type in _FILE_TYPES}
        operation["responses"]["200"]["content"] = content
    if name == "read_tar":
        operation["responses"]["200"]["content"] = {"application/x-tar": {"schema": _BYTES}}
    if name == "is_ready":
        own = operation["responses"]["200"]
        operation["responses"]["503"] = {**own, "description": "Redis or the store does not answer"}
    operation["security"] = security_of(method, operation)
    add_errors(method, operation, kinds)
    add_successes(operation, kinds)


def _describe_parameter(operation: str, parameter: Json) -> None:
    name = parameter["name"]
    is_of_events = operation.startswith("list_") and operation.endswith("_events")
    found = PARAMETERS.get(f"list_events.{name}") if is_of_events else None
    text, example = found or PARAMETERS.get(name) or id_parameter(name)
    parameter["description"] = text
    for repeated in ("description", "title"):
        parameter["schema"].pop(repeated, None)
    parameter["schema"]["examples"] = [example]
