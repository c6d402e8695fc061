"""The pages of labelsets: upload with a check before anything is stored, the images with their labels, delete."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

from app.labelsets import service
from app.labelsets.forms import FIELDS, Fields, Form
from app.labelsets.schemas import show_check, show_labelset, show_summary
from app.labelsets.storing import Upload
from app.labelsets.uploading import as_upload, received
from app.ui.checks import is_part
from app.ui.forms import (
    ONCE,
    REFUSALS,
    TOKEN,
    FieldsDep,
    FormState,
    answer,
    check_form,
    failed,
)
from app.ui.galleries.viewing import Shown, neighbours
from app.ui.images.pictures import Layer, picture
from app.ui.jobs import PAGE_SIZE, AfterQuery
from app.ui.routing import PageRoute, see
from app.ui.visits import Visit, VisitDep
from contracts.errors.tree import InvalidRequest, NotFound
from contracts.labelsets import LabelsetManifest

router = APIRouter(route_class=PageRoute, include_in_schema=False)
uploads = APIRouter(route_class=PageRoute, include_in_schema=False)
"""A separate router, because its bodies may be large."""

_FIELDS: Fields = {**FIELDS, **dict.fromkeys(("name", "classes", TOKEN, ONCE), "text")}
_SHOWN_IMAGES = 60


@router.get("/ui/labelsets", name="ui_list_labelsets")
def list_labelsets(visit: VisitDep, after: AfterQuery = None) -> Response:
    """List the labelsets, newest first."""
    page = service.list_page(
        visit.services,
        visit.tenant,
        limit=PAGE_SIZE,
        after=after or None,
        show=lambda labelset: show_summary(labelset, visit.links),
    )
    return visit.page("labelsets/list.html", page=page)


@router.get("/ui/labelsets/new", name="ui_new_labelset")
def show_form(visit: VisitDep) -> Response:
    """Show the form of a new labelset."""
    return visit.page("forms/labelset.html", form=FormState(), check=None)


@uploads.post("/ui/labelsets/check", name="ui_check_labelset")
async def check(request: Request, visit: VisitDep) -> Response:
    """Check the files that were chosen, and store nothing."""
    async with received(request, visit.services, visit.tenant, _FIELDS) as (form, folder):
        check_form(visit, form.texts)
        return await run_in_threadpool(_check, visit, form, folder)


@uploads.post("/ui/labelsets", name="ui_create_labelset")
async def create(request: Request, visit: VisitDep) -> Response:
    """Create a labelset as the API does."""
    async with received(request, visit.services, visit.tenant, _FIELDS) as (form, folder):
        check_form(visit, form.texts)

        def create_labelset() -> str:
            labelset = service.create(
                visit.services, visit.tenant, _upload(form), form.texts.get(ONCE), folder=folder
            )
            return f"/ui/labelsets/{labelset.value.id}"

        def again(state: FormState, status: int) -> Response:
            return visit.page("forms/labelset.html", status, form=state, check=None)

        return await run_in_threadpool(answer, create_labelset, again, form.texts)


@router.get("/ui/labelsets/{labelset_id}", name="ui_labelset")
def show(labelset_id: str, visit: VisitDep, start: int = 0) -> Response:
    """Show one labelset with its images."""
    labelset = _find(visit, labelset_id)
    start = max(0, start)
    return visit.page(
        "labelsets/labelset.html",
        labelset=show_labelset(labelset, visit.links),
        start=start,
        stop=min(start + _SHOWN_IMAGES, len(labelset.entries)),
        masked=[entry.mask is not None for entry in labelset.entries],
    )


@router.get("/ui/labelsets/{labelset_id}/images/{place}", name="ui_labelset_image")
def show_image(labelset_id: str, place: int, visit: VisitDep) -> Response:
    """Show one image with its labels."""
    labelset = _find(visit, labelset_id)
    entry = _entry(labelset, place)
    layers: list[Layer] = ["image"]
    layers += ["mask"] if entry.mask else []
    layers += ["points"] if entry.keypoints else []
    layers += ["depth"] if entry.depth and entry.depth.media_type == "image/png" else []
    shown = Shown(
        name=entry.name,
        base=f"/ui/labelsets/{labelset.id}/images/{place}",
        size=(entry.width_px, entry.height_px),
        layers=tuple(layers),
        labels=labelset.labels,
        facts={"image": f"{place + 1} of {len(labelset.entries)}"},
    )
    owner = {"title": labelset.name or "Labelset", "href": f"/ui/labelsets/{labelset.id}"}
    around = neighbours(f"{owner['href']}/images", place, len(labelset.entries))
    return visit.page("gallery/viewer.html", shown=shown, owner=owner, around=around)


@router.get("/ui/labelsets/{labelset_id}/images/{place}/{layer}", name="ui_labelset_layer")
def read_layer(labelset_id: str, place: int, layer: Layer, visit: VisitDep) -> Response:
    """Return one layer of an image as a picture."""
    labelset = _find(visit, labelset_id)
    entry = _entry(labelset, place)

    def read(name: str) -> bytes | None:
        file = getattr(entry, name, None)
        return visit.services.store.get(file.key) if file is not None else None

    return picture(read, layer, labelset.labels)


@router.get("/ui/labelsets/{labelset_id}/delete", name="ui_ask_delete_labelset")
def ask(labelset_id: str, visit: VisitDep) -> Response:
    """Ask before a labelset is deleted."""
    labelset = _find(visit, labelset_id)
    back = f"/ui/labelsets/{labelset.id}"
    return visit.page("delete.html", noun="labelset", name=labelset.name or labelset.id, back=back)


@router.post("/ui/labelsets/{labelset_id}/delete", name="ui_delete_labelset")
def delete(labelset_id: str, visit: VisitDep, _: FieldsDep) -> Response:
    """Delete a labelset."""
    service.delete(visit.services, visit.tenant, _find(visit, labelset_id).id)
    return see("/ui/labelsets")


def _find(visit: Visit, labelset_id: str) -> LabelsetManifest:
    if not labelset_id.startswith("labelset_") or not labelset_id[9:].isalnum():
        raise NotFound("labelset", labelset_id[:80])
    return service.find(visit.services, visit.tenant, labelset_id)


def _entry(labelset: LabelsetManifest, place: int) -> Any:  # noqa: ANN401 - an entry, with further labels
    if not 0 <= place < len(labelset.entries):
        raise HTTPException(404)
    return labelset.entries[place]


def _upload(form: Form) -> Upload:
    """Return the files. Without a schema, name and classes of the form are the schema.

    Raises `InvalidRequest` without a file.
    """
    if not any(form.files.values()):
        detail = "Expected one archive, or images with their labels, got no file. Choose some."
        raise InvalidRequest.at("/images", detail)
    upload = as_upload(form)
    classes = [one.strip() for one in form.texts.get("classes", "").replace("\n", ",").split(",")]
    named = {"name": form.texts.get("name", "").strip(), "classes": list(filter(None, classes))}
    if upload.archive is not None or (upload.schema_text or "").strip() or not named["classes"]:
        return replace(upload, schema_text=(upload.schema_text or "").strip() or None)
    return replace(upload, schema_text=json.dumps({key: one for key, one in named.items() if one}))


def _check(visit: Visit, form: Form, folder: Path) -> Response:
    """Return what the files would become as a part of the page, or show the form with it."""
    content, state, status = None, FormState(form.texts), 200
    try:
        checked = service.create(
            visit.services, visit.tenant, _upload(form), None, folder=folder, validate_only=True
        )
        content = show_check(checked.value)
    except REFUSALS as error:
        state, status = failed(form.texts, error)
    state = replace(state, is_check=True)
    if is_part(visit):  # htmx shows no answer with the status of an error
        return visit.page("labelsets/check.html", form=state, check=content)
    return visit.page("forms/labelset.html", status, form=state, check=content)
