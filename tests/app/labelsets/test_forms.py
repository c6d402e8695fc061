"""Promises of the form's reader: what a form may be, and that memory and open files do not grow with it."""

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
    """Of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def part(name: str, data: bytes, file_name: bytes | None = b"a") -> bytes:
    """One part of a form."""
    file = b"" if file_name is None else b'; filename="' + file_name + b'"'
    head = b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + file
    return head + b"\r\n\r\n" + data + b"\r\n"


def received(
    folder: Path, *chunks: bytes, limits: FormLimits = LIMITS, end: bytes = b"--x--\r\n"
) -> Form:
    """The form of a body that arrives in these chunks."""
    waiting = [*chunks, end]

    async def receive() -> Message:
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    return asyncio.run(receive_form(request, folder, limits))


def test_parts_become_files_and_text(tmp_path: Path) -> None:
    """However the body is cut into chunks."""
    body = (
        part("images", b"one", b"a.png")
        + part("images", b"", b"b.png")
        + part("schema", b"{}", None)
    )
    whole = received(tmp_path, *(body[n : n + 1] for n in range(len(body))))
    files = [(file.name, file.path.read_bytes()) for file in whole.files["images"]]
    assert (files, whole.schema_text) == ([("a.png", b"one"), ("b.png", b"")], "{}")


def test_a_schema_may_be_sent_as_a_file(tmp_path: Path) -> None:
    """`-F schema=@labelset.json` means the same as its text."""
    assert (
        received(tmp_path, part("schema", b"\xef\xbb\xbf{}", b"labelset.json")).schema_text == "{}"
    )


def test_an_empty_field_of_a_browser_is_no_file(tmp_path: Path) -> None:
    """It sends a file without name and bytes where none was chosen."""
    assert received(tmp_path, part("archive", b"", b"")).files == {}


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        (part("archive", b"1") + part("archive", b"2"), "/archive", "found two"),
        (part("annotations", b"1") * 2, "/annotations", "found two"),
        (part("schema", b"{}", None) * 2, "/schema", "found two"),
        (part("image", b"1"), "/image", "no such field"),
        (part("archive", b"labels.zip", None), "/archive", "-F archive=@"),
        (part("schema", b"\xff", None), "/schema", "byte 0xff at 0"),
    ],
)
def test_a_form_that_means_two_things_is_refused_at_its_field(
    tmp_path: Path, body: bytes, pointer: str, said: str
) -> None:
    """Twice the same, unknown, text for a file, no UTF-8."""
    with pytest.raises(InvalidRequest) as refused:
        received(tmp_path, body)
    assert [flaw.pointer for flaw in refused.value.flaws] == [pointer]
    assert said in refused.value.flaws[0].detail


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (part("images", b"1") * 4, "more than 3 files"),
        (part("schema", b"x" * 101, None), "more than 100 bytes"),
    ],
)
def test_a_form_has_limits(tmp_path: Path, body: bytes, said: str) -> None:
    """Of files and of text."""
    with pytest.raises(TooLarge, match=said):
        received(tmp_path, body)


@pytest.mark.parametrize(
    "end", [b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--"]
)
def test_a_form_that_ends_early_is_refused(client: httpx2.Client, end: bytes) -> None:
    """What was not sent may have been a label."""
    body = part("images", b"1") + end
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/labelsets", content=body, headers=headers)
    assert answer.status_code == 400
    assert "The form is damaged" in answer.json()["detail"]


@pytest.mark.parametrize(
    "media_type", ["application/json", "multipart/form-data", "text/plain", ""]
)
def test_another_kind_of_body_is_refused(client: httpx2.Client, media_type: str) -> None:
    """The refusal shows what to send."""
    answer = client.post("/v1/labelsets", content=b"{}", headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert "-F archive=@labels.zip" in answer.json()["detail"]


def test_one_file_is_open_at_a_time(tmp_path: Path) -> None:
    """A form of thousands of parts does not use up the process's files."""
    limits = FormLimits(max_files=500, max_text_bytes=100)
    before = num_open_files()
    whole = received(tmp_path, part("images", b"1" * 2_000) * 500, limits=limits)
    assert len(whole.files["images"]) == 500
    assert num_open_files() <= before + 1


def test_a_check_answers_what_would_be_made_and_stores_nothing(client: httpx2.Client) -> None:
    """The same facts as the create, without an id."""
    files = {"archive": ("a.zip", zipped(pairs(2)))}
    checked = client.post("/v1/labelsets", files=files, params={"validate_only": True})
    assert checked.status_code == 200, checked.text
    assert client.get("/v1/labelsets").json()["items"] == []
    made = client.post("/v1/labelsets", files=files).json()
    assert checked.json() == {
        k: v for k, v in made.items() if k not in ("id", "created_at", "links")
    }


def test_a_check_names_flaws_like_a_create(client: httpx2.Client) -> None:
    """The same refusal."""
    files = {"archive": ("a.zip", zipped(pairs(1) | {"images/image-0.png": b"no"}))}
    answers = [
        client.post("/v1/labelsets", files=files, params=p).json()
        for p in ({}, {"validate_only": True})
    ]
    assert answers[0]["errors"] == answers[1]["errors"]


def test_uploads_in_flight_have_a_limit(
    client: httpx2.Client, served: tuple[FastAPI, httpx2.Client]
) -> None:
    """One more than may be received at a time is told when to come back; a place that is free is taken again."""
    services = served[0].state.services
    files = [("images", ("a.png", png("RGB", (8, 8)))), ("masks", ("a.png", halves((8, 8), 1)))]
    data = {"schema": '{"classes": ["a", "b"]}'}
    places = [
        services.uploads_in_flight.one() for _ in range(services.settings.max_uploads_in_flight)
    ]
    for place in places:
        place.__enter__()
    answer = client.post("/v1/labelsets", files=files, data=data)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    for place in places:
        place.__exit__(None, None, None)
    assert client.post("/v1/labelsets", files=files, data=data).status_code == 201
