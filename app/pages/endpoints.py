"""`/docs`: the API's documentation page. Its script and style are served from here, so it works offline."""

from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html

router = APIRouter(prefix="/docs", include_in_schema=False)

Asset = Literal["swagger-ui-bundle.js", "swagger-ui.css"]

_FOLDER = Path(__file__).with_name("swagger_ui")
_MEDIA_TYPES: dict[Asset, str] = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
_SAFE = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# The page starts with an inline script; all else is loaded from this service, and no page may frame it.
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


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
def read_asset(name: Asset) -> Response:
    """Return the script or the style sheet of the page."""
    headers = {**_SAFE, "Cache-Control": "public, max-age=86400"}
    return Response((_FOLDER / name).read_bytes(), media_type=_MEDIA_TYPES[name], headers=headers)
