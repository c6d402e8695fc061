"""`/v1/files/{key}`: stored objects by links that the app signs if the store cannot. Supports Range and ETag."""

import mimetypes
import re
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Response
from fastapi.responses import StreamingResponse

from app.http.links import check_link
from app.http.requests import ServicesDep
from contracts.errors.tree import Gone
from state.store import ObjectInfo

# A browser that shows a report in spite of `attachment` runs no script and loads nothing: all of it is in the file.
_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
)

router = APIRouter(prefix="/v1/files", tags=["files"])


@router.get("/{key:path}", response_class=Response)
def read_file(
    *,
    key: str,
    expires: Annotated[int, Query()],
    signature: Annotated[str, Query()],
    services: ServicesDep,
    range_header: Annotated[str | None, Header(alias="Range")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the object or the requested range of it."""
    services.tenants.check(check_link(services.secret, key, expires, signature))
    info = services.store.head(key)
    if info is None:
        raise Gone("file", key.rpartition("/")[2])
    headers = _headers(info)
    # A substring test is enough: the header is a list of quoted tags.
    if if_none_match is not None and headers["ETag"] in if_none_match:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if if_range is not None and if_range.strip() != headers["ETag"]:
        range_header = None  # the caller has part of another version, or names a date
    requested = _requested_range(range_header, info.num_bytes)
    if requested is None:
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"Expected a range of the object's {info.num_bytes} bytes, got '{range_header}'. Request existing bytes.",
            {"Content-Range": f"bytes */{info.num_bytes}"},
        )
    is_partial = len(requested) < info.num_bytes
    if is_partial:
        headers["Content-Range"] = f"bytes {requested.start}-{requested.stop - 1}/{info.num_bytes}"
    headers["Content-Length"] = str(len(requested))
    return StreamingResponse(
        services.store.chunks(key, requested),
        status_code=HTTPStatus.PARTIAL_CONTENT if is_partial else HTTPStatus.OK,
        media_type=mimetypes.guess_type(key)[0] or "application/octet-stream",
        headers=headers,
    )


def _headers(info: ObjectInfo) -> dict[str, str]:
    etag = (info.etag or f"{info.num_bytes}-{info.modified_at.timestamp()}").strip('"')
    return {
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        # A key's content never changes, but its link expires.
        "Cache-Control": "private, max-age=900, immutable",
        "Content-Disposition": f'attachment; filename="{info.key.rpartition("/")[2]}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": _POLICY,
    }


def _requested_range(header: str | None, num_bytes: int) -> range | None:
    """Return the bytes that a Range header (RFC 9110, section 14.2) requests; None if the object has none of them.

    Several ranges or another unit give the whole object, as the RFC allows.
    """
    match = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", header or "")
    if match is None or match[0] == "bytes=-":
        return range(num_bytes)
    first, last = match.groups()
    # `bytes=-N` requests the last N bytes.
    if not first:
        start, stop = max(0, num_bytes - int(last)), num_bytes
    else:
        start, stop = int(first), min(int(last) + 1 if last else num_bytes, num_bytes)
    return range(start, stop) if start < stop else None
