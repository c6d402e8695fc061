"""Builds the FastAPI app from settings: `create_app()`.

The app validates requests, stores them, queues jobs and reports their status.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module

from fastapi import APIRouter, FastAPI

from app.audit import endpoints as audit
from app.audit.trail import AuditTrail
from app.decoding.protocol import TASKS
from app.deliveries import endpoints as deliveries
from app.exports import endpoints as exports
from app.files import endpoints as files
from app.fits import endpoints as fits
from app.generators import endpoints as generators
from app.health import endpoints as health
from app.health import metrics
from app.http.body_limits import BodyLimitProblems
from app.http.heads import Heads
from app.http.hosts import Hosts
from app.http.problems import install_problem_handlers, respond
from app.http.rate_headers import RateHeaders
from app.http.request_ids import RequestIds
from app.http.slow_bodies import SlowBodies
from app.http.stopping import StoppingProblems
from app.keys import endpoints as keys
from app.labelings import endpoints as labelings
from app.labelsets import endpoints as labelsets
from app.limits import endpoints as limits
from app.openapi.document import Api
from app.pages import endpoints as pages
from app.services import Services
from app.streams import endpoints as streams
from app.tenants import Tenants
from app.ui import endpoints as ui
from app.ui.routing import answer_error
from app.uploads import endpoints as uploads
from app.usage import endpoints as usage
from app.webhooks import endpoints as webhooks
from contracts.generators.families import GENERATOR_FAMILIES, GeneratorFamily
from contracts.kinds import KINDS, Kind
from state.process.spooling import sweep
from state.settings import Settings
from state.store import Store

VERSION = "0.1.0"

FORM_BYTES = 64 * 1024
"""The allowed size of a form beside its file."""

DESCRIPTION = """\
A few labelled images in, an unlimited number of labelled images out.

1. `POST /v1/generators`: import your own StyleGAN2 checkpoint, or use the built-in generator.
2. `POST /v1/labelsets`: upload images with masks, keypoints, depth, or one COCO file.
3. `POST /v1/fits`: fit a label generator to them. A form with the files of step 2 does both at once.
4. `POST /v1/batches`: request n labelled samples, and read the shards by signed links.
5. `POST /v1/streams`: or read shards without an end, each rendered shortly before you need it.
6. `POST /v1/labelings`: label your own unlabelled real images with the fit.
7. `POST /v1/evaluations`: measure whether generated pairs train better networks than your real pairs alone.

A job is accepted with 202. Follow it by `GET`, by `Prefer: wait=N`, or as server-sent events. Every POST accepts an
`Idempotency-Key`. Errors are problem+json (RFC 9457) with a stable `code`.
"""


def create_app(
    settings: Settings | None = None,
    store: Store | None = None,
    kinds: tuple[Kind, ...] = KINDS,
    upload_tasks: str = TASKS,
    families: Sequence[GeneratorFamily] = GENERATOR_FAMILIES,
    *,
    tenants: Tenants | None = None,
) -> FastAPI:
    """Return the app. By default the settings come from the environment and the store from the settings.

    `upload_tasks` names the tuple of tasks that an upload may label, as module:name. Without `tenants` the settings
    decide the rules.

    Raises:
        ValueError: a row of `kinds` is incomplete.
        LookupError: a kind has no endpoints.
    """
    settings = settings or Settings()
    services = Services.from_settings(
        settings, store, kinds, upload_tasks, families, tenants=tenants
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sweep()
        await services.start()
        yield
        await services.close()

    app = Api(
        kinds=services.kinds,
        title="HandsOff",
        version=VERSION,
        description=DESCRIPTION,
        license_info={"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # `pages` serves it without scripts from other sites
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = services
    # The last one added runs first: ids and hosts are checked before a body is read.
    app.add_middleware(
        SlowBodies,
        idle=settings.body_idle,
        grace=settings.body_grace,
        min_rate=settings.body_bytes_per_second,
    )
    app.add_middleware(Heads)
    app.add_middleware(BodyLimitProblems, answer=answer_error if settings.ui else respond)
    app.add_middleware(Hosts, settings=settings)
    app.add_middleware(StoppingProblems)
    app.add_middleware(RateHeaders)
    app.add_middleware(AuditTrail)
    app.add_middleware(RequestIds)
    install_problem_handlers(app)
    # Body limits are set by router: uploads may be large, JSON may not.
    for forms in (
        labelsets.router,
        fits.creates,
        labelings.images,
        *(ui.UPLOADS if settings.ui else ()),
    ):
        app.include_router(forms, max_body_size=settings.max_upload_bytes)
    for large in (
        generators.checkpoints,
        uploads.contents,
        *(ui.CHECKPOINTS if settings.ui else ()),
    ):
        app.include_router(large, max_body_size=settings.max_checkpoint_bytes + FORM_BYTES)
    of_kinds = [_router_of(kind) for kind in kinds]
    of_tenants = (webhooks, usage, keys, limits, audit)
    rooms = (exports, deliveries, streams, files, *of_tenants, health, metrics, pages)
    others = [room.router for room in rooms]
    for router in (uploads.router, *of_kinds, *others, *(ui.PAGES if settings.ui else ())):
        app.include_router(router, max_body_size=settings.max_json_bytes)
    return app


def _router_of(kind: Kind) -> APIRouter:
    """Return the router of a kind. Raises `LookupError` when there is none."""
    try:
        router = getattr(import_module(kind.endpoints), "router", None)
    except ModuleNotFoundError as error:
        if error.name is None or not kind.endpoints.startswith(error.name):
            raise  # the module exists, and imports something that does not
        router = None
    if not isinstance(router, APIRouter):
        raise LookupError(  # noqa: TRY004 - the attribute is missing, as a rule
            f"expected a router in the module {kind.endpoints} of the kind {kind.name!r}, found none;"
            " write the module, or name another one as `room` in contracts/kinds.py"
        )
    return router
