"""Tests of hostile request bodies: every address that accepts a body refuses them alike."""

from typing import Any

import httpx2
import pytest

from app.http.json_bodies import MAX_DIGITS, read_json
from app.http.problems import MAX_PROBLEM_BYTES
from contracts.errors.tree import InvalidRequest, UnreadableBody

CREATES = [
    "/v1/generators",
    "/v1/generators/tiny-32/inverters",
    "/v1/fits",
    "/v1/batches",
    "/v1/streams",
    "/v1/uploads",
    "/v1/labelsets",
]
JSON = {"Content-Type": "application/json"}
DIGITS = b"9" * 5_000

HOSTILE = {
    "deep lists": b"[" * 1_000 + b"]" * 1_000,
    "deeper lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
    "deeper objects": b'{"a":' * 100_000,
    "deep inside a field": b'{"name":' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    "lone surrogate": rb'{"name": "\ud800", "fit": "\udfff", "sha256": "\ud83d"}',
    "lone surrogate as name": rb'{"\ud800": 1}',
    "surrogates in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "NaN": b'{"seed": NaN, "num_bytes": NaN}',
    "Infinity": b'{"seed": -Infinity, "num_bytes": Infinity}',
    "1e999": b'{"seed": 1e999, "num_bytes": -1e999}',
    "5,000 digits": b'{"seed": ' + DIGITS + b', "num_bytes": ' + DIGITS + b"}",
    "300 digits": b'{"seed": ' + DIGITS[:300] + b', "num_bytes": ' + DIGITS[:300] + b"}",
    "5,000 digits behind the point": b'{"seed": 1.' + DIGITS + b"}",
    "duplicate names": b'{"seed": 1, "seed": 2}',
    "invalid UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"nothing": 1}',
    "NUL in text": b'{"name": "a\\u0000b"}',
    "NUL in JSON": b'{"name"\x00: 1}',
    "raw control in text": b'{"name": "a\x01b"}',
    "empty": b"",
    "blank": b" \n ",
    "two values": b"{} {}",
    "cut": b'{"name": "fa',
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "a number": b"7",
    "not JSON": b"\x00\x01\x02",
    "many names": b"{" + b",".join(b'"f%d": 0' % k for k in range(60_000)) + b"}",
    "many names, one repeated": b"{"
    + b",".join(b'"f%d": 0' % k for k in range(60_000))
    + b', "f7": 0}',
    "long name": b'{"' + b"x" * 500_000 + b'": 0}',
}


@pytest.mark.timeout(30)  # one body once took 20 s at each address
@pytest.mark.parametrize("path", CREATES)
def test_a_hostile_body_is_a_small_problem(client: httpx2.Client, path: str) -> None:
    """Every address answers with 4xx and problem+json, never with 5xx."""
    for name, body in HOSTILE.items():
        answer = client.post(path, content=body, headers=JSON)
        assert 400 <= answer.status_code < 500, (name, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json", name
        assert len(answer.content) <= MAX_PROBLEM_BYTES, name
        assert answer.json()["status"] == answer.status_code, name


MEDIA_TYPES = [
    None,
    "",
    "text/plain",
    "application/xml",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "x/\x85y",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "json",
]


@pytest.mark.parametrize("path", CREATES)
def test_another_media_type_is_a_problem(client: httpx2.Client, path: str) -> None:
    """A missing, empty or wrong Content-Type gives 4xx and problem+json."""
    for media_type in MEDIA_TYPES:
        headers = {} if media_type is None else {b"Content-Type": media_type.encode("latin-1")}
        answer = client.post(path, content=b'{"nothing": 1}', headers=headers)
        assert 400 <= answer.status_code < 500, (media_type, answer.text)
        assert answer.headers["Content-Type"] == "application/problem+json", media_type


@pytest.mark.parametrize("path", [one for one in CREATES if one != "/v1/labelsets"])
def test_a_deep_body_is_refused_at_every_address(client: httpx2.Client, path: str) -> None:
    """All addresses share one parser."""
    answer = client.post(path, content=HOSTILE["deep lists"], headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_body")
    assert "levels" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', InvalidRequest, 'got "a" twice'),
        (b'{"a": [{"c": 1, "c": 1}]}', InvalidRequest, 'got "c" twice'),
        (b"[NaN]", InvalidRequest, "got NaN"),
        (b"[-1e400]", InvalidRequest, "got -1e400"),
        (b"1" * (MAX_DIGITS + 1), UnreadableBody, "at most 400 digits, got one of 401"),
        (b"{" + b",".join(b'"%d": 0' % k for k in range(1_001)) + b"}", UnreadableBody, "1001"),
        (b'"\xff"', UnreadableBody, "byte 0xff at position 1"),
        (b"{'a': 1}", InvalidRequest, "at character 1"),
        (b"", InvalidRequest, "got an empty body"),
    ],
)
def test_a_refusal_names_the_error(body: bytes, error: type[Exception], message: str) -> None:
    """The message has the expected and the actual value."""
    with pytest.raises(error, match=message.replace("[", r"\[")) as caught:
        read_json(body)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"\xef\xbb\xbf[1]", [1]),
        (b"1" * MAX_DIGITS, int("1" * MAX_DIGITS)),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (b"[1e308, -0.0, 1E-400]", [1e308, 0.0, 0.0]),
        (b"[" * 32 + b"]" * 32, None),
    ],
)
def test_valid_json_is_parsed(body: bytes, value: Any) -> None:
    """Unambiguous JSON is accepted."""
    assert value is None or read_json(body) == value
    assert read_json(body) is not None


def test_the_depth_limit_is_the_same_on_every_python() -> None:
    """32 levels are accepted, 33 are not; the limit of Python's own parser depends on its version."""
    assert read_json(b"[" * 32 + b"]" * 32) is not None
    with pytest.raises(UnreadableBody, match="at most 32 levels"):
        read_json(b"[" * 33 + b"]" * 33)


FIT, UPLOAD, LABELSET = (f"{kind}_{'0' * 32}" for kind in ("fit", "upload", "labelset"))
WITH = {"generator": "tiny-32", "labelset": LABELSET}
UPLOADED = {"fit": FIT, "upload": UPLOAD}
MISTYPED = [
    ("text", "/v1/streams", {"fit": FIT, "seed": "3"}, "/seed", "a whole number"),
    ("truth", "/v1/streams", {"fit": FIT, "shard_size": True}, "/shard_size", "a whole number"),
    ("false", "/v1/streams", {"fit": FIT, "truncation": False}, "/truncation", "a number"),
    (
        "nested",
        "/v1/fits",
        WITH | {"options": {"inversion": {"steps": "9"}}},
        None,
        "a whole number",
    ),
    ("yes", "/v1/fits", WITH | {"options": {"estimate": "yes"}}, "/options/estimate", "true or"),
    ("one", "/v1/fits", WITH | {"options": {"estimate": 1}}, "/options/estimate", "true or false"),
    ("rotation", "/v1/webhooks/webhook_1/rotate", {"grace_seconds": False}, None, "a whole number"),
    (
        "seconds",
        "/v1/keys",
        {"name": "a", "scopes": ["read"], "expires_at": 1_800_000_000},
        "/expires_at",
        "a date and",
    ),
    (
        "digits",
        "/v1/keys",
        {"name": "a", "scopes": ["read"], "expires_at": "1800000000"},
        "/expires_at",
        "a date and",
    ),
    ("JSON of a form's route", "/v1/labelings", UPLOADED | {"shard_size": "9"}, None, "a whole"),
]


@pytest.mark.parametrize(
    ("path", "body", "pointer", "expected"),
    [case[1:] for case in MISTYPED],
    ids=[case[0] for case in MISTYPED],
)
def test_a_value_of_another_type_is_refused(
    client: httpx2.Client, path: str, body: Any, pointer: str | None, expected: str
) -> None:
    """No text becomes a number, no truth value becomes 1, and no number becomes a time."""
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    sentences = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert any(
        expected in sentence
        for place, sentence in sentences.items()
        if pointer is None or place == pointer
    ), sentences


def test_a_number_may_be_whole_in_any_spelling(client: httpx2.Client) -> None:
    """In JSON, 3.0 is 3, and a number with a fraction is none. Lists may be sizes."""
    seed = client.post("/v1/streams", json={"fit": FIT, "seed": 3.5}).json()["errors"]
    assert [error["pointer"] for error in seed] == ["/seed"]
    whole = client.post("/v1/streams", json={"fit": FIT, "seed": 3.0}).json()["errors"]
    assert [error["pointer"] for error in whole] == ["/fit"]
