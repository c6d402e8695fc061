"""Tests of receiving forms: valid and invalid ones, and that memory and open files do not grow with them."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI, Request
from starlette.types import Message

from app.labelsets.forms import Form, FormLimits, receive_form
from contracts.errors.tree import InvalidRequest, TooLarge
from tests.app.uploading import halves, pairs, png, zipped

LIMITS = FormLimits(max_files=3, max_text_bytes=100)
_MiB = 1024 * 1024


def num_open_files() -> int:
    """Return the number of open files of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def part(name: str, data: bytes, file_name: bytes | None = b"a") -> bytes:
    """Return one part of a form."""
    file = b"" if file_name is None else b'; filename="' + file_name + b'"'
    head = b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + file
    return head + b"\r\n\r\n" + data + b"\r\n"


def received(
    folder: Path, *chunks: bytes, limits: FormLimits = LIMITS, end: bytes = b"--x--\r\n"
) -> Form:
    """Receive a form whose body arrives in these chunks."""
    remaining = [*chunks, end]

    async def receive() -> Message:
        body = remaining.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(remaining)}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    return asyncio.run(receive_form(request, folder, limits))


def test_parts_become_files_and_text(tmp_path: Path) -> None:
    """The result does not depend on the chunks of the body."""
    body = (
        part("images", b"one", b"a.png")
        + part("images", b"", b"b.png")
        + part("schema", b"{}", None)
    )
    whole = received(tmp_path, *(body[n : n + 1] for n in range(len(body))))
    files = [(file.name, file.path.read_bytes()) for file in whole.files["images"]]
    assert (files, whole.schema_text) == ([("a.png", b"one"), ("b.png", b"")], "{}")


@pytest.mark.parametrize("name", [b"photos/a.png", b"/home/me/photos/a.png", b"C:\\photos\\a.png"])
def test_folders_in_a_file_name_are_left_out(tmp_path: Path, name: bytes) -> None:
    """Browsers and scripts send paths; the field says what the file is (RFC 7578, section 4.2)."""
    whole = received(tmp_path, part("images", b"1", name))
    assert [file.name for file in whole.files["images"]] == ["a.png"]


def test_a_schema_may_be_sent_as_a_file(tmp_path: Path) -> None:
    """`-F schema=@labelset.json` is equal to its text."""
    assert (
        received(tmp_path, part("schema", b"\xef\xbb\xbf{}", b"labelset.json")).schema_text == "{}"
    )


def test_an_empty_field_of_a_browser_is_no_file(tmp_path: Path) -> None:
    """A browser sends an unused file field as an empty file without a name."""
    assert received(tmp_path, part("archive", b"", b"")).files == {}


@pytest.mark.parametrize(
    ("body", "pointer", "message"),
    [
        (part("archive", b"1") + part("archive", b"2"), "/archive", "got two"),
        (part("annotations", b"1") * 2, "/annotations", "got two"),
        (part("schema", b"{}", None) * 2, "/schema", "got two"),
        (part("image", b"1"), "/image", "Expected one of the fields"),
        (part("archive", b"labels.zip", None), "/archive", "-F archive=@"),
        (part("schema", b"\xff", None), "/schema", "byte 0xff at position 0"),
        (part("images", b"1", b"\xe9.png"), "/images", "UTF-8 file name, got byte 0xe9"),
        (part("masks", b"1", b"\x81.png"), "/masks", "UTF-8 file name, got byte 0x81"),
        (part("images", b"1", b""), "/images", "Expected a file name, got none"),
    ],
)
def test_an_invalid_form_is_refused_at_its_field(
    tmp_path: Path, body: bytes, pointer: str, message: str
) -> None:
    """Refused are repeated and unknown fields, text instead of a file, files without a name, and other encodings."""
    with pytest.raises(InvalidRequest) as refused:
        received(tmp_path, body)
    assert [flaw.pointer for flaw in refused.value.flaws] == [pointer]
    assert message in refused.value.flaws[0].detail


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (part("images", b"1") * 4, "at most 3 files"),
        (part("schema", b"x" * 101, None), "at most 100 bytes"),
    ],
)
def test_a_form_has_limits(tmp_path: Path, body: bytes, message: str) -> None:
    """The number of files and the size of the text are limited."""
    with pytest.raises(TooLarge, match=message):
        received(tmp_path, body)


@pytest.mark.parametrize(
    "end", [b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--"]
)
def test_a_form_that_ends_early_is_refused(client: httpx2.Client, end: bytes) -> None:
    """The missing rest may contain a label."""
    body = part("images", b"1") + end
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/labelsets", content=body, headers=headers)
    assert answer.status_code == 400
    assert "The form is damaged" in answer.json()["detail"]


@pytest.mark.parametrize(
    "media_type", ["application/json", "multipart/form-data", "text/plain", ""]
)
def test_another_kind_of_body_is_refused(client: httpx2.Client, media_type: str) -> None:
    """The refusal shows an example."""
    answer = client.post("/v1/labelsets", content=b"{}", headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "-F archive=@labels.zip" in answer.json()["detail"]


def test_a_missing_boundary_is_explained(client: httpx2.Client) -> None:
    """Scripts that set the header themselves have no boundary in it."""
    headers = {"Content-Type": "multipart/form-data"}
    answer = client.post("/v1/labelsets", content=part("images", b"1"), headers=headers)
    assert "got one without a boundary" in answer.json()["detail"]


def test_one_file_is_open_at_a_time(tmp_path: Path) -> None:
    """A form of many parts does not exhaust the process's open files."""
    limits = FormLimits(max_files=500, max_text_bytes=100)
    before = num_open_files()
    whole = received(tmp_path, part("images", b"1" * 2_000) * 500, limits=limits)
    assert len(whole.files["images"]) == 500
    assert num_open_files() <= before + 1


def test_a_check_returns_the_labelset_and_stores_nothing(client: httpx2.Client) -> None:
    """The response equals that of the create, without id, time and links."""
    files = {"archive": ("a.zip", zipped(pairs(2)))}
    checked = client.post("/v1/labelsets", files=files, params={"validate_only": True})
    assert checked.status_code == 200, checked.text
    assert client.get("/v1/labelsets").json()["items"] == []
    labelset = client.post("/v1/labelsets", files=files).json()
    assert checked.json() == {
        k: v for k, v in labelset.items() if k not in ("id", "created_at", "links")
    }


def test_a_check_has_the_errors_of_a_create(client: httpx2.Client) -> None:
    """Both responses have the same errors."""
    files = {"archive": ("a.zip", zipped(pairs(1) | {"images/image-0.png": b"no"}))}
    answers = [
        client.post("/v1/labelsets", files=files, params=p).json()
        for p in ({}, {"validate_only": True})
    ]
    assert answers[0]["errors"] == answers[1]["errors"]


def test_concurrent_uploads_are_limited(
    client: httpx2.Client, served: tuple[FastAPI, httpx2.Client]
) -> None:
    """An upload above the limit gets 503 with `Retry-After`; a freed slot is used again."""
    services = served[0].state.services
    files = [("images", ("a.png", png("RGB", (8, 8)))), ("masks", ("a.png", halves((8, 8), 1)))]
    data = {"schema": '{"classes": ["a", "b"]}'}
    slots = [
        services.uploads_in_flight.one() for _ in range(services.settings.max_uploads_in_flight)
    ]
    for slot in slots:
        slot.__enter__()
    answer = client.post("/v1/labelsets", files=files, data=data)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    for slot in slots:
        slot.__exit__(None, None, None)
    assert client.post("/v1/labelsets", files=files, data=data).status_code == 201
