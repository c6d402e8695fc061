"""Receives an upload form: each part is written to a separate file as it arrives, so memory does not grow with it.

FastAPI keeps up to 1 MiB of every part in memory, and an open file for every larger one: a form of 400 parts took
400 MB. Here a request holds one chunk and has one open file at a time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, Literal
from urllib.parse import unquote_to_bytes

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.decoding.protocol import SpooledFile
from app.http.problems import pointer_of
from app.messages import printable
from contracts.errors.tree import Flaw, InvalidRequest, TooLarge

Kind = Literal["file", "files", "text"]
Fields = Mapping[str, Kind]

FIELDS: Fields = {
    "archive": "file",
    "images": "files",
    "masks": "files",
    "keypoints": "files",
    "depth": "files",
    "annotations": "file",
    "schema": "text",
}
_MAX_UNKNOWN = 10
_EXTENDED_NAME = re.compile(rb"filename\*\s*=\s*\"?([\w-]*)'[^']*'([^;\s\"]+)", re.IGNORECASE)


@dataclass(frozen=True)
class FormLimits:
    """The limits of one form: number of files, and bytes of one text."""

    max_files: int
    max_text_bytes: int


@dataclass
class Form:
    """The content of a form: files by field, in the order they were sent, and texts by field."""

    files: dict[str, list[SpooledFile]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def schema_text(self) -> str | None:
        """The text of a labelset's schema."""
        return self.texts.get("schema")


async def receive_form(
    request: Request, folder: Path, limits: FormLimits, fields: Fields = FIELDS
) -> Form:
    """Receive the request's multipart form into files below `folder`. `fields` are the fields that it may have.

    Raises `InvalidRequest` for unknown or repeated fields, `TooLarge` for an exceeded limit, and HTTP 400 for an
    incomplete form.
    """
    media_type, options = parse_options_header(request.headers.get("Content-Type"))
    boundary = options.get(b"boundary")
    if media_type != b"multipart/form-data" or not boundary:
        actual = printable(request.headers.get("Content-Type", "no Content-Type")[:80])
        if media_type == b"multipart/form-data":
            actual = "one without a boundary (let the HTTP client set Content-Type)"
        detail = (
            f"Expected a multipart/form-data form, got {actual}. With curl: -F archive=@labels.zip."
        )
        raise InvalidRequest.at("/", detail)
    try:
        receiver = _Receiver(boundary, folder, limits, fields)
        async for chunk in request.stream():
            # Writing blocks on the disk, so it must not run in the event loop.
            await run_in_threadpool(receiver.feed, chunk)
        return receiver.finish()
    except FormParserError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"The form is damaged: {error}") from None
    except ClientDisconnect:
        raise HTTPException(
            HTTPStatus.BAD_REQUEST,
            "The connection was closed before the form was complete. Send it again.",
        ) from None


class _Receiver:
    """Parses the bytes of a form and writes its parts. The parser calls it back for each piece of a part."""

    def __init__(self, boundary: bytes, folder: Path, limits: FormLimits, fields: Fields) -> None:
        self._parser = MultipartParser(
            boundary,
            {
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )
        self._folder = folder
        self._limits = limits
        self._fields = fields
        self._form = Form()
        self._unknown: list[str] = []
        self._num_files = 0
        self._header = self._value = self._disposition = b""
        self._part: _FilePart | _TextPart | None = None
        self._is_complete = False

    def feed(self, chunk: bytes) -> None:
        """Parse the next bytes of the body."""
        try:
            self._parser.write(chunk)
        # Also for a cancelled request: an open file would stay open.
        except BaseException:
            if self._part is not None:
                self._part.close()
            raise

    def finish(self) -> Form:
        """Return the complete form.

        Raises `FormParserError` if it ends early, `InvalidRequest` if it has unknown fields.
        """
        if not self._is_complete:
            if self._part is not None:
                self._part.close()
            raise FormParserError("it ends before its last boundary")
        if self._unknown:
            detail = f"Expected one of the fields {', '.join(self._fields)}. Correct the name, or remove the field."
            names = list(dict.fromkeys(self._unknown))[:_MAX_UNKNOWN]
            flaws = [Flaw(pointer=pointer_of("body", name), detail=detail) for name in names]
            raise InvalidRequest("The form has unknown fields; see 'errors'.", flaws=flaws)
        return self._form

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers(self) -> None:
        name, file_name = _names(self._disposition)
        self._disposition = b""
        kind = self._fields.get(name)
        if kind is None:
            # Collected, so that one response lists all misspelt fields.
            self._unknown.append(printable(name[:100]))
            # Its bytes are dropped: an unknown field must not fill the disk.
            self._part = _TextPart(name, self._limits.max_text_bytes, is_kept=False)
        elif kind == "text":
            self._check_once(name, name in self._form.texts)
            self._part = _TextPart(name, self._limits.max_text_bytes)
        else:
            self._part = self._file_part(name, kind, file_name)

    def _file_part(self, name: str, kind: Kind, file_name: str | None) -> "_FilePart":
        if file_name is None:
            detail = f"Expected a file, got text. With curl: -F {name}=@PATH."
            raise InvalidRequest.at(f"/{name}", detail)
        self._check_once(name, kind == "file" and name in self._form.files)
        self._num_files += 1
        if self._num_files > self._limits.max_files:
            raise TooLarge(
                f"Expected at most {self._limits.max_files} files, got more. Send them as one zip or tar in 'archive'."
            )
        # Numbered, because names of the form are untrusted.
        return _FilePart(name, file_name, self._folder / f"upload-{self._num_files:06d}")

    def _check_once(self, name: str, is_repeated: bool) -> None:  # noqa: FBT001 - a fact, not an option
        if is_repeated:
            raise InvalidRequest.at(f"/{name}", f"Expected one '{name}', got two. Send it once.")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        assert self._part is not None
        self._part.write(data[start:end])

    def _on_part_end(self) -> None:
        part, self._part = self._part, None
        assert part is not None
        part.close()
        if isinstance(part, _FilePart):
            if part.is_given and not part.file_name and self._fields[part.name] == "files":
                detail = f"Expected a file name, got none. With curl: -F {part.name}=@PATH."
                raise InvalidRequest.at(f"/{part.name}", detail)
            if part.is_given:
                spooled = SpooledFile(name=part.file_name, path=part.path)
                self._form.files.setdefault(part.name, []).append(spooled)
        elif part.is_kept:
            self._form.texts[part.name] = part.text()

    def _on_end(self) -> None:
        self._is_complete = True


class _FilePart:
    """A part that is written to a file. A browser sends an unused file field as an empty file without a name."""

    def __init__(self, name: str, file_name: str, path: Path) -> None:
        self.name = name
        self.file_name = file_name
        self.path = path
        self._num_bytes = 0
        self._file: IO[bytes] = path.open("wb")

    @property
    def is_given(self) -> bool:
        """Return False for the empty part of an unused file field."""
        return bool(self.file_name or self._num_bytes)

    def write(self, data: bytes) -> None:
        self._num_bytes += len(data)
        self._file.write(data)

    def close(self) -> None:
        self._file.close()


class _TextPart:
    """A part that is kept as text, even if it is sent as a file: `-F schema=@labelset.json`."""

    def __init__(self, name: str, max_bytes: int, *, is_kept: bool = True) -> None:
        self.name = name
        self.is_kept = is_kept
        self._max_bytes = max_bytes
        self._data = bytearray()

    def write(self, data: bytes) -> None:
        if not self.is_kept:
            return
        if len(self._data) + len(data) > self._max_bytes:
            raise TooLarge(
                f"Expected at most {self._max_bytes} bytes of text in '{self.name}', got more. Send less."
            )
        self._data += data

    def close(self) -> None:
        """Do nothing: no file is open."""

    def text(self) -> str:
        """Return the part's text. Raises `InvalidRequest` for bytes that are not UTF-8."""
        try:
            return self._data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            byte = self._data[error.start]
            detail = f"Expected UTF-8 text, got byte 0x{byte:02x} at position {error.start}. Save it as UTF-8."
            raise InvalidRequest.at(f"/{self.name}", detail) from error


def _names(disposition: bytes) -> tuple[str, str | None]:
    """Return the field name and the file name (or None) of a Content-Disposition header.

    `filename*` (RFC 5987) is accepted although RFC 7578 forbids it in forms, because some HTTP clients send it for
    names that are not ASCII. Folders before a file name are left out (RFC 7578, section 4.2). Raises `FormParserError`,
    or `InvalidRequest` for a name that is not UTF-8.
    """
    _, options = parse_options_header(disposition)
    if b"name" not in options:
        raise FormParserError("a part has no name in its Content-Disposition header")
    name = options[b"name"].decode("utf-8", errors="replace")
    extended = _EXTENDED_NAME.search(disposition)
    if extended is not None:
        charset = extended[1].decode() or "utf-8"
        try:
            return name, _without_folders(unquote_to_bytes(extended[2]).decode(charset))
        except (LookupError, ValueError) as error:
            raise FormParserError(f"the filename* of a part cannot be decoded ({error})") from error
    file_name = options.get(b"filename")
    if file_name is None:
        return name, None
    try:
        return name, _without_folders(file_name.decode())
    except UnicodeDecodeError as error:
        byte = file_name[error.start]
        detail = f"Expected a UTF-8 file name, got byte 0x{byte:02x}. Rename the file, or send it in an archive."
        raise InvalidRequest.at(f"/{printable(name[:100])}", detail) from error


def _without_folders(file_name: str) -> str:
    return file_name.replace("\\", "/").rpartition("/")[2]
