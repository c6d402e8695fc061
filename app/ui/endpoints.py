"""The web page under `/ui`: pages for people, made on the server from the same functions as the API's answers.

In: requests of a browser. Out: HTML that needs no script to be read.
"""

from fastapi import APIRouter, HTTPException, Response

from app.ui.account import keys, sign_in, usage
from app.ui.galleries import comparing, samples
from app.ui.pages import (
    batches,
    evaluations,
    fits,
    generators,
    labelings,
    labelsets,
    overview,
    sheets,
    statics,
    streams,
    workers,
)
from app.ui.routing import PageRoute

_nowhere = APIRouter(route_class=PageRoute, include_in_schema=False)


@_nowhere.get("/ui/{path:path}", name="ui_nowhere")
async def find_nothing() -> Response:
    """Answer 404 as a page."""
    raise HTTPException(404)


UPLOADS = (labelsets.uploads, labelings.uploads)
"""The routers whose bodies have images."""
CHECKPOINTS = (generators.checkpoints,)
"""The routers whose bodies have checkpoints."""
PAGES = (
    statics.router,
    sign_in.router,
    keys.router,
    usage.router,
    overview.router,
    workers.router,
    samples.router,
    comparing.router,
    labelsets.router,
    sheets.router,
    generators.router,
    fits.router,
    batches.router,
    streams.router,
    labelings.router,
    evaluations.router,
    _nowhere,
)
"""The other routers. The last one answers all addresses that no other has."""
