"""`/v1/files/{key}`: stored objects by a link that we signed, where the store itself cannot sign. Range and ETag."""

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
    """The object, whole or the range asked for."""
    check_link(services.secret, key, expires, signature)
    info = services.store.head(key)
    if info is None:
        raise Gone("file", key.rpartition("/")[2])
    headers = _headers(info)
    if if_none_match is not None and headers["ETag"] in if_none_match:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if if_range is not None and if_range.strip() != headers["ETag"]:
        range_header = None  # the caller has a part of something else, or names it by a date
    wanted = _wanted(range_header, info.num_bytes)
    if wanted is None:
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"The object has {info.num_bytes} bytes, and '{range_header}' asks for none of them.",
            {"Content-Range": f"bytes */{info.num_bytes}"},
        )
    is_partial = len(wanted) < info.num_bytes
    if is_partial:
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{info.num_bytes}"
    headers["Content-Length"] = str(len(wanted))
    return StreamingResponse(
        services.store.chunks(key, wanted),
        status_code=HTTPStatus.PARTIAL_CONTENT if is_partial else HTTPStatus.OK,
        media_type=mimetypes.guess_type(key)[0] or "application/octet-stream",
        headers=headers,
    )


def _headers(info: ObjectInfo) -> dict[str, str]:
    etag = (info.etag or f"{info.num_bytes}-{info.modified_at.timestamp()}").strip('"')
    return {
        "ETag": f'"{etag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=900, immutable",
        "Content-Disposition": f'attachment; filename="{info.key.rpartition("/")[2]}"',
        "X-Content-Type-Options": "nosniff",
    }


def _wanted(header: str | None, num_bytes: int) -> range | None:
    """The bytes that a Range header (RFC 9110, section 14.2) asks for; None when there are none of them.

    Several ranges at once, or another unit, are answered with the whole object, as the RFC allows.
    """
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", header or "")
    if found is None or found[0] == "bytes=-":
        return range(num_bytes)
    first, last = found.groups()
    if not first:
        start, stop = max(0, num_bytes - int(last)), num_bytes
    else:
        start, stop = int(first), min(int(last) + 1 if last else num_bytes, num_bytes)
    return range(start, stop) if start < stop else None
