"""The files of the page: one style sheet, htmx, the scripts of this service and the icon."""

from typing import Literal

from fastapi import APIRouter, Response

from app.ui.rendering import STATIC
from app.ui.routing import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Name = Literal["style.css", "htmx.min.js", "page.js", "viewer.js", "explore.js", "icon.svg"]

_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/ui/static/{name}", name="ui_static")
def read_static(name: Name) -> Response:
    """Return a file. Its address changes with its content."""
    path = STATIC / name
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(path.read_bytes(), media_type=_MEDIA_TYPES[path.suffix], headers=headers)
