"""Every page shows its facts without a script, escapes what a caller wrote, and loads nothing from elsewhere."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.ui.routing import POLICY
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef
from contracts.streams import StreamRef
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from state.stream_readers import StreamReaders
from tests.app.ui.conftest import words

EVIL = '"><script>alert(1)</script>'
EMPTY_PAGES = {
    "/ui": "Overview",
    "/ui/workers": "No worker. Its jobs wait until one starts",
    "/ui/usage": "Nothing was used.",
    "/ui/labelsets": "No labelsets yet",
    "/ui/fits": "No fits yet",
    "/ui/batches": "No batches yet",
    "/ui/streams": "No streams yet",
    "/ui/labelings": "No labelings yet",
    "/ui/evaluations": "No evaluations yet",
    "/ui/labelsets/new": "Upload a labelset",
    "/ui/generators": "Tiny",
    "/ui/generators/new": "Import a generator",
    "/ui/generators/train": "Train a generator",
    "/ui/generators/tiny-32": "32 × 32 px",  # noqa: RUF001 - as the page shows it
    "/ui/fits/new": "New fit",
    "/ui/batches/new": "No fit has succeeded yet",
    "/ui/streams/new": "No fit has succeeded yet",
    "/ui/labelings/new": "No fit has succeeded yet",
    "/ui/evaluations/new": "No fit has succeeded yet",
}


@pytest.mark.parametrize(("path", "fact"), EMPTY_PAGES.items())
def test_a_page_of_an_empty_service_says_so(client: httpx2.Client, path: str, fact: str) -> None:
    """Each page answers, with the facts that there are."""
    page = client.get(path)
    assert page.status_code == 200, page.text
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert fact in words(page)


def test_the_root_leads_to_the_page(client: httpx2.Client) -> None:
    """A browser that opens the service's address sees the overview."""
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui")


@pytest.mark.parametrize("path", ["/ui", "/ui/fits", "/ui/nowhere", "/ui/static/style.css"])
def test_nothing_inline_and_nothing_from_elsewhere_runs(client: httpx2.Client, path: str) -> None:
    """The policy allows files of this service alone, and the pages need no more."""
    page = client.get(path)
    assert page.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page.text)
    assert not re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", page.text)


def test_static_files_may_be_kept(client: httpx2.Client) -> None:
    """The address of a static file has a digest of its content."""
    addresses = re.findall(r'(?:src|href)="(/ui/static/[^"]+)"', client.get("/ui").text)
    assert len(set(addresses)) == 4
    for address in addresses:
        assert re.search(r"\?v=[0-9a-f]{12}$", address)
        assert "immutable" in client.get(address).headers["Cache-Control"]


@pytest.mark.parametrize("name", ["README.md", "..%2Fvisits.py", "htmx.LICENSE"])
def test_no_other_file_is_served(client: httpx2.Client, name: str) -> None:
    """Only the listed names are valid."""
    assert 400 <= client.get(f"/ui/static/{name}").status_code < 500


def test_a_fit_shows_what_its_record_has(client: httpx2.Client, finished_fit_id: str) -> None:
    """Status, quality, flagged images and request are readable without a script."""
    page = client.get(f"/ui/fits/{finished_fit_id}")
    text = words(page)
    assert page.status_code == 200
    for fact in ("succeeded", "30.0 dB", "image-0", "tiny-32", "New batch", finished_fit_id):
        assert fact in text


def test_a_fit_without_scores_says_so(client: httpx2.Client, finished_fit_id: str) -> None:
    """There is no table without numbers."""
    text = words(client.get(f"/ui/fits/{finished_fit_id}"))
    assert "This fit was not scored" in text


def test_a_waiting_job_shows_its_place_and_is_asked_again(
    client: httpx2.Client, fit_id: str
) -> None:
    """With a script the progress is asked each second; without one the page reloads."""
    page = client.get(f"/ui/fits/{fit_id}")
    assert "queued" in words(page)
    assert f'hx-get="/ui/fits/{fit_id}/progress"' in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    part = client.get(f"/ui/fits/{fit_id}/progress")
    assert part.text.lstrip().startswith('<div class="card progress"')
    assert "HX-Refresh" not in part.headers


def test_the_end_of_a_job_reloads_its_page(client: httpx2.Client, finished_fit_id: str) -> None:
    """The page of a job that has ended has more to show than its progress."""
    part = client.get(f"/ui/fits/{finished_fit_id}/progress")
    assert part.headers["HX-Refresh"] == "true"
    assert "hx-get" not in part.text


def test_an_evaluation_shows_its_trainings(client: httpx2.Client, evaluation: JobRef) -> None:
    """Before its report there are the arms and how many trainings have ended."""
    text = words(client.get(f"/ui/evaluations/{evaluation.id}"))
    assert "synthetic" in text
    assert "0 of" in text
    assert client.get(f"/ui/evaluations/{evaluation.id}/report").status_code == 404


def test_the_report_of_an_evaluation_runs_nothing(
    client: httpx2.Client, evaluation: JobRef, finish_evaluation: Callable[[str], None]
) -> None:
    """The page shows it in a frame; its policy is a sandbox, and only this service may frame it."""
    finish_evaluation(evaluation.id)
    page = client.get(f"/ui/evaluations/{evaluation.id}")
    report = client.get(f"/ui/evaluations/{evaluation.id}/report")
    assert "Verdict" in words(page)
    assert "sandbox" in page.text[page.text.index("<iframe") :]
    policy = report.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    assert report.text.startswith("<!doctype html>")


def test_a_stream_shows_how_it_is_read(client: httpx2.Client, stream_id: str) -> None:
    """The page names the command, and whether there are readers."""
    text = words(client.get(f"/ui/streams/{stream_id}"))
    assert "No reader: nothing is rendered" in text
    assert f"/v1/streams/{stream_id}/tar" in text
    assert "seed 7" in words(client.get("/ui/streams"))


def test_a_stream_shows_its_readers(
    client: httpx2.Client,
    stream_id: str,
    ledger: Ledger,
    render_shard: Callable[[str, int], object],
) -> None:
    """Whether it is read now, and the shards that were requested last, with those that are stored."""
    readers = StreamReaders(ledger)
    ref = StreamRef(tenant=DEFAULT_TENANT, id=stream_id)
    render_shard(stream_id, 0)
    for index in (0, 1):
        readers.note_request(ref, index, timedelta(minutes=1))
    text = words(client.get(f"/ui/streams/{stream_id}"))
    assert "A training loop reads it now" in text
    assert "1 just now not stored" in text
    assert "0 just now stored 4" in text
    assert "read" in words(client.get("/ui/streams")).split()


def test_text_of_a_caller_is_never_markup(client: httpx2.Client, labelset_id: str) -> None:
    """A name with markup is shown as text, in lists, pages and forms."""
    body = {"generator": "tiny-32", "labelset": labelset_id, "name": EVIL}
    fit_id = client.post("/v1/fits", json=body).json()["id"]
    for path in ("/ui", "/ui/fits", f"/ui/fits/{fit_id}", f"/ui/fits/{fit_id}/delete"):
        page = client.get(path)
        assert "<script>alert" not in page.text, path
        assert EVIL in words(page).replace("&#34;", '"') or "alert(1)" in page.text
    shown = client.get("/ui/fits/new", params={"labelset": EVIL})
    assert "<script>alert" not in shown.text


NOWHERE = "0192" * 8
"""The number of no job: the names of tests must be the same in every process."""


@pytest.mark.parametrize(
    "path",
    [
        "/ui/nowhere",
        "/ui/fits/x",
        f"/ui/fits/fit_{NOWHERE}",
        f"/ui/fits/batch_{NOWHERE}",
        "/ui/labelsets/x",
        f"/ui/labelsets/labelset_{NOWHERE}/images/0/image",
        "/ui/streams/%00",
    ],
)
def test_what_does_not_exist_is_a_page(client: httpx2.Client, path: str) -> None:
    """404 for people: the missing resource, and a way back."""
    page = client.get(path)
    assert page.status_code == 404
    assert "does not exist" in words(page)
    assert 'href="/ui"' in page.text


def test_a_deleted_job_is_a_page(client: httpx2.Client, finished_fit_id: str) -> None:
    """410 says that it was deleted."""
    client.delete(f"/v1/fits/{finished_fit_id}")
    page = client.get(f"/ui/fits/{finished_fit_id}")
    assert (page.status_code, "deleted" in words(page)) == (410, True)


def test_the_page_can_be_turned_off(settings: Settings, store: Store) -> None:
    """HANDSOFF_UI=off: no address of the page exists."""
    app: FastAPI = create_app(settings.model_copy(update={"ui": False}), store)
    paths = {getattr(route, "path", "") for route in app.routes}
    assert not any(path == "/" or path.startswith("/ui") for path in paths)


def test_a_status_chooses_from_a_list(client: httpx2.Client, fit_id: str) -> None:
    """An unknown status shows all."""
    assert fit_id in client.get("/ui/fits?status=queued").text
    assert "No fits with this status" in words(client.get("/ui/fits?status=failed"))
    assert fit_id in client.get("/ui/fits?status=%00").text
