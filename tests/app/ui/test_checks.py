"""The check of a form: what it will probably cost, or why it is refused. Nothing is created."""

from typing import Any

import httpx2
import pytest

from contracts.accounts.estimates import RateNote
from contracts.base import now
from contracts.fits.fit import FitRequest
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from state import records
from state.estimates.rates import rates
from state.estimates.work import work_of
from state.store import Store
from tests.app.ui.conftest import Send, hidden, words
from tests.app.uploading import pairs, png, zipped

SCRIPT = {"HX-Request": "true"}
UNKNOWN = "No similar job has run yet, so time and size are unknown."


def ask(
    client: httpx2.Client, page: str, fields: dict[str, str], to: str, files: Any = None
) -> httpx2.Response:
    """Check a form as the script of the page does."""
    form = {**hidden(client.get(page).text), **fields}
    return client.post(to, data=form, files=files, headers=SCRIPT)


def remember(store: Store, fit_id: str, *, seconds: float, num_bytes: float) -> None:
    """Note what a fit has cost."""
    ref = JobRef(tenant=DEFAULT_TENANT, id=fit_id)
    request = records.read_request(store, ref, FitRequest)
    assert request is not None
    work = work_of(store, request)
    assert work is not None
    note = RateNote(
        work=work.name,
        device="H100",
        units=work.units,
        byte_units=work.byte_units,
        seconds=seconds,
        num_bytes=num_bytes,
        at=now(),
    )
    rates(store).note(note)
    rates(store).fold()


def test_a_check_predicts_by_earlier_jobs(
    client: httpx2.Client, store: Store, fit_id: str, labelset_id: str
) -> None:
    """Time, device, size and the number of jobs behind them; the labelset has two images."""
    remember(store, fit_id, seconds=120, num_bytes=2 * 1024 * 1024)
    fields = {"generator": "tiny-32", "labelset": labelset_id, "options/estimate": "true"}
    part = ask(client, "/ui/fits/new", fields, "/ui/fits/check")
    text = words(part)
    assert part.status_code == 200
    assert "<html" not in part.text
    for fact in ("about 2 min 0 s", "Device H100", "about 2.0 MiB", "From 1 similar job of"):
        assert fact in text, fact
    assert len(client.get("/v1/fits").json()["items"]) == 1


def test_a_queued_job_shows_its_prediction(
    client: httpx2.Client, store: Store, fit_id: str, labelset_id: str
) -> None:
    """A job that waits has no progress to tell its time from."""
    remember(store, fit_id, seconds=120, num_bytes=1)
    body = {"generator": "tiny-32", "labelset": labelset_id}
    second = client.post("/v1/fits", json=body).json()["id"]
    assert "about 2 min 0 s of work" in words(client.get(f"/ui/fits/{second}"))
    assert "of work" not in words(client.get(f"/ui/fits/{fit_id}"))


def test_without_a_similar_job_there_is_no_number(
    client: httpx2.Client, finished_fit_id: str
) -> None:
    """The built-in guesses of the API are not shown to people."""
    part = ask(client, "/ui/batches/new", {"fit": finished_fit_id, "n": "8"}, "/ui/batches/check")
    assert UNKNOWN in words(part)
    assert "about" not in words(part)
    assert client.get("/v1/batches").json()["items"] == []


def test_the_errors_of_a_check_go_to_their_fields(client: httpx2.Client, labelset_id: str) -> None:
    """A script replaces the errors of each field. A required field that is still empty is only named."""
    fields = {"generator": "tiny-32", "labelset": "", "seed": "-1"}
    part = ask(client, "/ui/fits/new", fields, "/ui/fits/check")
    assert part.status_code == 200
    assert "Still missing: labelset." in words(part)
    assert 'id="seed-errors" hx-swap-oob="true"><p class="error">' in part.text
    assert 'id="labelset-errors" hx-swap-oob="true"></div>' in part.text


def test_without_scripts_a_check_is_the_whole_page(
    client: httpx2.Client, finished_fit_id: str, send: Send
) -> None:
    """It keeps the values, and shows the result or the errors beside the fields."""
    fields = {"fit": finished_fit_id, "n": "37", "seed": "5"}
    page = send("/ui/batches/new", fields, "/ui/batches/check")
    assert page.status_code == 200
    assert UNKNOWN in words(page)
    assert 'value="37"' in page.text
    assert 'value="5"' in page.text
    page = send("/ui/batches/new", {**fields, "n": "0"}, "/ui/batches/check")
    assert page.status_code == 422
    assert "This cannot start yet" in words(page)
    assert 'id="n-errors"><p class="error">' in page.text
    assert client.get("/v1/batches").json()["items"] == []


def test_a_form_that_was_checked_can_be_sent(
    client: httpx2.Client, finished_fit_id: str, send: Send
) -> None:
    """The page of a check is a form like the first one."""
    fields = {"fit": finished_fit_id, "n": "8"}
    page = send("/ui/batches/new", fields, "/ui/batches/check")
    answer = client.post("/ui/batches", data={**hidden(page.text), **fields})
    assert answer.status_code == 303, words(answer)


def test_a_stream_has_no_cost_before_it_is_read(
    client: httpx2.Client, finished_fit_id: str
) -> None:
    """The check says so instead of a number."""
    part = ask(client, "/ui/streams/new", {"fit": finished_fit_id}, "/ui/streams/check")
    assert "A new stream costs nothing" in words(part)
    assert client.get("/v1/streams").json()["items"] == []


def test_forms_with_files_are_checked(client: httpx2.Client, finished_fit_id: str) -> None:
    """Files are read and dropped."""
    labeling = {"fit": finished_fit_id}
    image = {"images": ("a.png", png("RGB", (32, 32)))}
    part = ask(client, "/ui/labelings/new", labeling, "/ui/labelings/check", files=image)
    assert UNKNOWN in words(part)
    training = {"name": "faces", "training/px": "32", "training/hours": "0.5"}
    images = {"file": ("images.zip", zipped(pairs(1)))}
    part = ask(client, "/ui/generators/train", training, "/ui/generators/check", files=images)
    assert UNKNOWN in words(part)
    no_file = {"license": (None, "mine")}
    part = ask(client, "/ui/generators/new", {"name": "faces"}, "/ui/generators/check", no_file)
    assert "Still missing: file." in words(part)
    part = ask(client, "/ui/labelings/new", {}, "/ui/labelings/check", {"name": (None, "mine")})
    assert "Still missing: fit." in words(part)
    no_file = {"fit": (None, finished_fit_id)}
    part = ask(client, "/ui/labelings/new", {}, "/ui/labelings/check", no_file)
    assert "Still missing: images." in words(part)
    assert client.get("/v1/labelings").json()["items"] == []


def test_an_upload_without_files_says_what_to_choose(client: httpx2.Client) -> None:
    """In words of the page, not of the API."""
    no_file = {"name": (None, "mine")}
    part = ask(client, "/ui/labelsets/new", {}, "/ui/labelsets/check", no_file)
    assert "images : Expected one archive, or images with their labels" in words(part)


def test_without_scripts_files_are_chosen_again(
    client: httpx2.Client, finished_fit_id: str, send: Send
) -> None:
    """A browser keeps no files, so the page says it."""
    image = {"images": ("a.png", png("RGB", (32, 32)))}
    fields = {"fit": finished_fit_id, "name": "street"}
    page = send("/ui/labelings/new", fields, "/ui/labelings/check", files=image)
    assert "Choose the files again before you start" in words(page)
    assert 'value="street"' in page.text
    archive = {"archive": ("labels.zip", zipped(pairs(2)))}
    page = send("/ui/labelsets/new", {}, "/ui/labelsets/check", files=archive)
    assert "Everything fits" in words(page)
    assert "Choose the files again before you upload" in words(page)
    assert len(client.get("/v1/labelsets").json()["items"]) == 1  # that of the fit


@pytest.mark.parametrize("noun", ["fits", "batches", "streams", "evaluations"])
def test_a_check_needs_the_token(client: httpx2.Client, noun: str) -> None:
    """Another site learns nothing from a visitor's checks."""
    client.get("/ui")
    answer = client.post(f"/ui/{noun}/check", data={"csrf": "forged"}, headers=SCRIPT)
    assert answer.status_code == 403
