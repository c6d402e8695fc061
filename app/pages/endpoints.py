"""`/docs`: the description of the API for people. Script and style are part of the app, so the page works offline."""

import gzip
import re
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

router = APIRouter(prefix="/docs", include_in_schema=False)

Asset = Literal["swagger-ui-bundle.js", "swagger-ui.css"]

_FOLDER = Path(__file__).with_name("swagger_ui")
_MEDIA_TYPES: dict[Asset, str] = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# The page starts with an inline script. Everything else comes from this service, and no page may frame it.
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ZERO_WEIGHT = re.compile(r"q\s*=\s*0(\.0*)?")


@router.get("")
async def show_docs() -> Response:
    """Return the documentation page of the API."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="HandsOff",
        swagger_js_url="/docs/swagger-ui-bundle.js",
        swagger_css_url="/docs/swagger-ui.css",
        swagger_favicon_url="data:,",
    )
    page.headers.update({**_SAFE, "Content-Security-Policy": _POLICY})
    return page


@router.get("/{name}")
def read_asset(request: Request, name: Asset) -> Response:
    """Return the script or the style of the page, with gzip if the client accepts it."""
    content = (_FOLDER / f"{name}.gz").read_bytes()
    headers = {**_SAFE, "Cache-Control": "public, max-age=86400", "Vary": "Accept-Encoding"}
    if accepts_gzip(request.headers.get("Accept-Encoding", "")):
        headers["Content-Encoding"] = "gzip"
    else:
        content = gzip.decompress(content)
    return Response(content, media_type=_MEDIA_TYPES[name], headers=headers)


def accepts_gzip(header: str) -> bool:
    """Return True if an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3). `q=0` forbids a coding."""
    codings: dict[str, bool] = {}
    for item in header.lower().split(","):
        coding, *parameters = (part.strip() for part in item.split(";"))
        codings[coding] = not any(_ZERO_WEIGHT.fullmatch(parameter) for parameter in parameters)
    return codings.get("gzip", codings.get("*", False))
