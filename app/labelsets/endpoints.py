"""`/v1/labelsets`: upload labelled images, list them, delete them."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile

from app.decoding.parts import COCO_NAMES
from app.labelsets import service
from app.labelsets.schemas import LabelsetSummary, LabelsetView, show_labelset, show_summary
from app.labelsets.service import Upload, UploadedFile
from app.paging import Page
from app.problems import pointer_of
from app.requests import (
    ExchangeDep,
    IdempotencyKey,
    LinksDep,
    PageQuery,
    ServicesDep,
    TenantDep,
    created,
    paged,
)
from contracts.errors import Flaw, InvalidRequest
from contracts.ids import LabelsetId

router = APIRouter(prefix="/v1/labelsets", tags=["labelsets"])

_SCHEMA_EXAMPLES = [
    '{"name": "faces", "classes": ["background", "skin", "hair"], "ignore_index": 255}',
    (
        '{"name": "heads", "classes": ["background", "skin"], "colours": [[0, 0, 0], [255, 205, 148]],'
        ' "keypoints": {"names": ["head_top", "chin"], "skeleton": [["head_top", "chin"]],'
        ' "reference": ["head_top", "chin"]}, "depth": {"unit": "m", "scale": 0.001, "unknown": 0}}'
    ),
]

Files = list[UploadFile] | None


def _named(folder: str, files: Files) -> list[UploadedFile]:
    """Files of a form field under the names that they would have in an archive."""
    return [
        UploadedFile(name=f"{folder}{file.filename or ''}", content=file.file)
        for file in files or []
    ]


_FIELDS = ("archive", "images", "masks", "keypoints", "depth", "annotations", "schema")


async def _check_fields(request: Request) -> None:
    """Refuses a field that the form does not have: FastAPI would pass over it, and its files would go unseen."""
    form = (
        await request.form()
    )  # parsed before, under the limits of this address, and kept by the request
    unknown = sorted(form.keys() - set(_FIELDS))
    if unknown:
        detail = f"The form has no such field; it has {', '.join(_FIELDS)}. Leave it out or correct its name."
        flaws = [Flaw(pointer=pointer_of("body", name), detail=detail) for name in unknown]
        raise InvalidRequest("The form has fields that are not known; see errors.", flaws=flaws)


def _upload(
    *,
    archive: Annotated[
        UploadFile | None,
        File(
            description="A zip or tar of images/NAME.png (or .jpg, .webp), labelset.json, and labels: masks/NAME.png,"
            " keypoints/NAME.json, depth/NAME.png (or .npy), or one COCO file annotations.json"
        ),
    ] = None,
    images: Annotated[
        Files, File(description="Images (PNG, JPEG, WebP), when there is no archive")
    ] = None,
    masks: Annotated[
        Files,
        File(
            description="Masks (PNG of class indices, or RGB with `colours` in the schema), each named like its image"
        ),
    ] = None,
    keypoints: Annotated[
        Files,
        File(
            description='`{"keypoints": [{"name": "nose", "x": 31.5, "y": 20, "visibility": 2}]}` for each image'
        ),
    ] = None,
    depth: Annotated[
        Files, File(description="Depth maps: 16-bit PNG, or npy of float32 with NaN for unknown")
    ] = None,
    annotations: Annotated[
        UploadFile | None,
        File(description="One COCO JSON: polygons, RLE masks, keypoints with visibility"),
    ] = None,
    schema_text: Annotated[
        str | None,
        Form(alias="schema", description="What labelset.json would say", examples=_SCHEMA_EXAMPLES),
    ] = None,
) -> Upload:
    return Upload(
        archive=UploadedFile(name="", content=archive.file) if archive else None,
        files=[
            *_named("images/", images),
            *_named("masks/", masks),
            *_named("keypoints/", keypoints),
            *_named("depth/", depth),
            *([UploadedFile(name=COCO_NAMES[0], content=annotations.file)] if annotations else []),
        ],
        schema_text=schema_text,
    )


@router.post("", status_code=HTTPStatus.CREATED, dependencies=[Depends(_check_fields)])
def create_labelset(
    exchange: ExchangeDep,
    upload: Annotated[Upload, Depends(_upload)],
    idempotency_key: IdempotencyKey = None,
) -> LabelsetView:
    """Decodes and checks every file, then keeps them all or none."""
    made = service.create(exchange.services, exchange.tenant, upload, idempotency_key)
    return created(exchange, show_labelset(made.value, exchange.links), is_replay=made.is_replay)


@router.get("")
def list_labelsets(
    exchange: ExchangeDep, query: Annotated[PageQuery, Query()]
) -> Page[LabelsetSummary]:
    """The labelsets, newest first."""
    found = service.list_page(
        exchange.services,
        exchange.tenant,
        limit=query.limit,
        after=query.after,
        show=lambda labelset: show_summary(labelset, exchange.links),
    )
    return paged(exchange, found)


@router.get("/{labelset_id}")
def get_labelset(
    labelset_id: LabelsetId, services: ServicesDep, tenant: TenantDep, links: LinksDep
) -> LabelsetView:
    """One labelset: what is labelled, how often each class and keypoint occurs, and its images by name."""
    return show_labelset(service.find(services, tenant, labelset_id), links)


@router.delete("/{labelset_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_labelset(labelset_id: LabelsetId, services: ServicesDep, tenant: TenantDep) -> None:
    """Erases a labelset. Fits that were made of it stay; one that is being made fails."""
    service.delete(services, tenant, labelset_id)
