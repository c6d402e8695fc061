"""`/v1/labelsets`: upload labelled images, list them, delete them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile

from app.labelsets import service
from app.labelsets.schemas import LabelsetSummary, LabelsetView, show_labelset, show_summary
from app.labelsets.service import Upload, UploadedFile
from app.paging import Page
from app.requests import IdempotencyKey, LinksDep, PageQuery, ServicesDep, TenantDep, link_next
from contracts.ids import LabelsetId

router = APIRouter(prefix="/v1/labelsets", tags=["labelsets"])

_SCHEMA_EXAMPLE = (
    '{"name": "faces", "classes": ["background", "skin", "hair"], "ignore_index": 255}'
)


def _named(folder: str, file: UploadFile) -> UploadedFile:
    return UploadedFile(name=f"{folder}{file.filename or ''}", content=file.file)


def _upload(
    archive: Annotated[
        UploadFile | None,
        File(description="A zip or tar of images/NAME.png, masks/NAME.png and labelset.json"),
    ] = None,
    images: Annotated[
        list[UploadFile] | None,
        File(description="Images (PNG, JPEG, WebP), when there is no archive"),
    ] = None,
    masks: Annotated[
        list[UploadFile] | None,
        File(description="Index masks (PNG), each named like its image, when there is no archive"),
    ] = None,
    schema_text: Annotated[
        str | None,
        Form(
            alias="schema", description="What labelset.json would say", examples=[_SCHEMA_EXAMPLE]
        ),
    ] = None,
) -> Upload:
    return Upload(
        archive=_named("", archive) if archive else None,
        files=[
            *(_named("images/", image) for image in images or []),
            *(_named("masks/", mask) for mask in masks or []),
        ],
        schema_text=schema_text,
    )


@router.post("", status_code=HTTPStatus.CREATED)
def create_labelset(
    *,
    response: Response,
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
    upload: Annotated[Upload, Depends(_upload)],
    idempotency_key: IdempotencyKey = None,
) -> LabelsetView:
    """Decodes and checks every file, then keeps them all or none."""
    made = service.create(services, tenant, upload, idempotency_key)
    view = show_labelset(made.value, links)
    response.headers["Location"] = view.links["self"]
    if made.is_replay:
        response.headers["Idempotent-Replayed"] = "true"
    return view


@router.get("")
def list_labelsets(
    *,
    request: Request,
    response: Response,
    page: Annotated[PageQuery, Query()],
    services: ServicesDep,
    tenant: TenantDep,
    links: LinksDep,
) -> Page[LabelsetSummary]:
    """The labelsets, newest first."""
    found = service.list_page(
        services,
        tenant,
        limit=page.limit,
        after=page.after,
        show=lambda labelset: show_summary(labelset, links),
    )
    return link_next(request, response, found)


@router.get("/{labelset_id}")
def get_labelset(
    labelset_id: LabelsetId, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> LabelsetView:
    """One labelset: its classes, how often each occurs, and its images by name."""
    return show_labelset(service.find(services, tenant, labelset_id), links)


@router.delete("/{labelset_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_labelset(labelset_id: LabelsetId, services: ServicesDep, tenant: TenantDep) -> None:
    """Erases a labelset. Fits that were made of it stay; one that is being made fails."""
    service.delete(services, tenant, labelset_id)
