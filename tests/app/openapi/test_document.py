"""Promises of the description of the API."""

import re
from typing import Any

import pytest

from app.http.problems import MEDIA_TYPE
from app.main import create_app
from app.messages import describe
from app.openapi.__main__ import text
from app.openapi.document import FIELDS, operations
from app.openapi.parameters import ANSWER_HEADERS, PARAMETERS
from examples.demo.stack import REPOSITORY
from state.settings import Settings
from state.store import Store

Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    """The description as the app gives it."""
    return create_app(Settings(), Store.in_memory()).openapi()


def properties(document: Json) -> list[tuple[str, str, Json]]:
    """Each field of each schema: the names of schema and field, and the description."""
    return [
        (owner, field, own)
        for owner, schema in document["components"]["schemas"].items()
        for field, own in schema.get("properties", {}).items()
    ]


def holds_only_schemas(own: Json) -> bool:
    """True where a field's examples are those of the schemas that it refers to, or its value is fixed."""
    inner = [own, own.get("items", {}), own.get("additionalProperties", {}), *own.get("anyOf", ())]
    is_fixed = "const" in own or own.get("type") == "null"
    return is_fixed or any("$ref" in one for one in inner if isinstance(one, dict))


def test_the_document_that_is_checked_in_is_the_present_one() -> None:
    """Who changes the API sees what a client sees: `make openapi` writes it."""
    checked_in = (REPOSITORY / "docs" / "openapi.json").read_text("utf-8")
    assert checked_in == text(), "run `make openapi` and look at the difference"


def test_every_field_is_described(document: Json) -> None:
    """Each has a sentence, and an example unless it contains a schema that has examples."""
    bare = [
        f"{owner}.{field}"
        for owner, field, own in properties(document)
        if not own.get("description")
    ]
    assert bare == []
    without = [
        f"{owner}.{field}"
        for owner, field, own in properties(document)
        if not (own.get("examples") or holds_only_schemas(own) or own.get("format") == "binary")
        and own.get("items", {}).get("format") != "binary"
    ]
    assert without == []


def test_every_description_is_used(document: Json) -> None:
    """No sentence is left over from a field that is gone."""
    fields = {field for _, field, _ in properties(document)}
    owned = {f"{owner}.{field}" for owner, field, _ in properties(document)}
    assert set(FIELDS) - fields - owned == set()
    named = {one["name"] for _, own in operations(document) for one in own.get("parameters", ())}
    ids = {name for name in named if name.endswith("_id")}  # most are described alike
    assert {name.rpartition(".")[2] for name in PARAMETERS} | ids == named
    answered = {
        header for _, own in operations(document) for one in own["responses"].values() for header in one["headers"]
    }  # fmt: skip
    assert set(ANSWER_HEADERS) == answered


def test_every_parameter_and_answer_is_described(document: Json) -> None:
    """A parameter has a sentence and an example, an answer a sentence."""
    for _, operation in operations(document):
        for one in operation.get("parameters", ()):
            assert one["description"], one["name"]
            assert one["schema"]["examples"], one["name"]
        assert all(one["description"] for one in operation["responses"].values())


def test_errors_are_problems(document: Json) -> None:
    """Every answer from 400 up is problem+json, but the readiness that a probe reads."""
    for _, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and (operation["operationId"], status) != ("is_ready", "503"):
                assert set(answer["content"]) == {MEDIA_TYPE}
                assert answer["content"][MEDIA_TYPE]["schema"]["$ref"].endswith("/Problem")


def test_names_are_plain(document: Json) -> None:
    """Operations have the names of their functions, schemas single words without marks of the framework."""
    names = [operation["operationId"] for _, operation in operations(document)]
    assert {"create_fit", "list_fits", "get_fit", "cancel_fit", "delete_fit"} <= set(names)
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) and len(name) <= 24 for name in names)
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+", name) for name in document["components"]["schemas"])


def test_nothing_is_referred_to_that_is_not_there(document: Json) -> None:
    """Every reference leads to a schema, and every schema is referred to."""
    found = set(re.findall(r'"#/components/schemas/(\w+)"', text()))
    assert found == set(document["components"]["schemas"])


def test_no_field_has_an_object_as_default(document: Json) -> None:
    """Generators of clients drop operations whose body has one."""
    assert not [
        field for _, field, own in properties(document) if isinstance(own.get("default"), dict)
    ]


def test_the_license_is_named(document: Json) -> None:
    """By its SPDX identifier."""
    assert document["info"]["license"]["identifier"] == "Apache-2.0"


ERRORS = "421 422 429 500 503"
ANSWERS = {
    "create_fit": f"200 202 400 401 403 408 409 413 {ERRORS}",
    "get_batch": f"200 304 401 403 404 410 {ERRORS}",
    "list_streams": f"200 401 403 {ERRORS}",
    "cancel_fit": f"200 202 401 403 404 410 413 {ERRORS}",
    "read_file": "200 206 304 403 410 416 421 422 500 503",
    "read_shard": f"307 401 403 404 410 {ERRORS}",
    "follow_fit": f"200 204 401 403 404 410 {ERRORS}",
    "rotate_key": f"200 400 401 403 404 408 413 {ERRORS}",
    "is_alive": "200 500",
}
HEADERS = {
    "create_fit": {"Location", "Retry-After", "Idempotent-Replayed", "Preference-Applied"},
    "get_batch": {"ETag", "Cache-Control", "Retry-After", "Preference-Applied"},
    "list_streams": {"Link"},
    "cancel_fit": {"Retry-After"},
    "read_file": {"ETag", "Content-Range", "Accept-Ranges", "Content-Disposition"},
    "read_shard": {"Location", "Retry-After"},
    "follow_fit": {"X-Request-Id", "WWW-Authenticate"},
    "rotate_key": {"WWW-Authenticate"},
    "is_alive": {"X-Request-Id"},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_operation_names_every_status_and_header(document: Json, name: str) -> None:
    """What can be answered is written down, by number."""
    (operation,) = (own for _, own in operations(document) if own["operationId"] == name)
    answers = operation["responses"]
    assert set(answers) == set(ANSWERS[name].split())
    named = {header for answer in answers.values() for header in answer["headers"]}
    assert HEADERS[name] <= named
    assert named <= set(document["components"]["headers"])


def test_an_operation_names_its_key(document: Json) -> None:
    """Each names the scope of the API key that it needs; health and signed links need none."""
    security = {own["operationId"]: own["security"] for _, own in operations(document)}
    assert security["list_fits"] == [{"apiKey": ["read"]}, {}]
    assert security["cancel_fit"] == [{"apiKey": ["write"]}, {}]
    assert security["list_keys"] == [{"apiKey": ["admin"]}]
    assert security["read_file"] == security["is_alive"] == []
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


def test_every_pattern_has_words(document: Json) -> None:
    """The message for a value that does not match names the expected form, not a regular expression."""
    patterns = {
        one.encode().decode("unicode_escape") for one in re.findall(r'"pattern": "(.*)"', text())
    }
    assert len(patterns) > 5
    for pattern in patterns:
        said = describe(
            {
                "type": "string_pattern_mismatch",
                "msg": "",
                "ctx": {"pattern": pattern},
                "input": "x",
            }
        )
        assert "another form" not in said, pattern
        assert pattern not in said
