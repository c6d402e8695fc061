"""Forms: their token, what they create, and their errors beside the fields."""

import html
import re
from collections.abc import Callable

import httpx2
from PIL import Image

from contracts.batches import BatchManifest
from tests.app.evaluations.conftest import AddLabeling
from tests.app.ui.conftest import Send, hidden, words
from tests.app.uploading import encode, pairs, zipped

POSTS = [
    "/ui/fits",
    "/ui/batches",
    "/ui/streams",
    "/ui/evaluations",
    "/ui/sign-in",
    "/ui/sign-out",
    "/ui/fits/{fit}/cancel",
    "/ui/fits/{fit}/delete",
    "/ui/labelsets/{labelset}/delete",
    "/ui/generators/tiny-32/delete",
    "/ui/generators/tiny-32/stop",
]


def test_a_form_without_its_token_changes_nothing(
    client: httpx2.Client, fit_id: str, labelset_id: str
) -> None:
    """403 for a request that another page made the browser send."""
    client.get("/ui")
    for path in POSTS:
        for fields in ({}, {"csrf": ""}, {"csrf": "forged"}):
            answer = client.post(path.format(fit=fit_id, labelset=labelset_id), data=fields)
            assert answer.status_code == 403, path
            assert "The form has expired" in words(answer)
    assert client.get(f"/v1/fits/{fit_id}").json()["status"] == "queued"


def test_an_upload_without_its_token_stores_nothing(client: httpx2.Client) -> None:
    """The files are dropped."""
    client.get("/ui")
    field = {"/ui/labelsets": "images", "/ui/labelsets/check": "images", "/ui/labelings": "images"}
    for path in (*field, "/ui/generators"):
        files = {field.get(path, "file"): ("a.png", b"x")}
        answer = client.post(path, data={"csrf": "forged"}, files=files)
        assert answer.status_code == 403, path
    assert client.get("/v1/labelsets").json()["items"] == []


def test_a_token_belongs_to_one_browser(client: httpx2.Client) -> None:
    """The token of another visitor is refused."""
    token = hidden(client.get("/ui/fits/new").text)["csrf"]
    client.cookies.clear()
    client.get("/ui")
    assert client.post("/ui/fits", data={"csrf": token}).status_code == 403


def test_cookies_are_for_this_page_alone(client: httpx2.Client) -> None:
    """No script reads them, no other site's request carries them."""
    cookie = client.get("/ui").headers["Set-Cookie"].lower()
    for part in ("httponly", "samesite=strict", "path=/ui"):
        assert part in cookie


def test_a_fit_is_created_as_by_the_api(
    client: httpx2.Client, labelset_id: str, send: Send
) -> None:
    """The answer leads to its page, and every option arrives."""
    fields = {
        "generator": "tiny-32",
        "labelset": labelset_id,
        "name": "mine",
        "seed": "7",
        "options/tasks": "segmentation",
        "options/ensemble/kind": "paper",
        "options/estimate": "false",
    }
    answer = send("/ui/fits/new", fields, "/ui/fits")
    assert answer.status_code == 303, words(answer)
    fit = client.get(answer.headers["Location"].replace("/ui/", "/v1/")).json()
    assert (fit["name"], fit["seed"], fit["options"]["tasks"]) == ("mine", 7, ["segmentation"])
    assert fit["options"]["ensemble"]["kind"] == "paper"
    assert fit["options"]["estimate"] is False


def test_a_form_that_is_sent_twice_creates_one_job(client: httpx2.Client, labelset_id: str) -> None:
    """A form has an Idempotency-Key."""
    fields = hidden(client.get("/ui/fits/new").text)
    fields |= {"generator": "tiny-32", "labelset": labelset_id}
    first, second = (client.post("/ui/fits", data=fields) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert len(client.get("/v1/fits").json()["items"]) == 1


def test_an_error_stands_beside_its_field(
    client: httpx2.Client, labelset_id: str, send: Send
) -> None:
    """The form keeps its values, and nothing is created."""
    fields = {"generator": "unknown", "labelset": labelset_id, "seed": "-1", "name": "kept"}
    page = send("/ui/fits/new", fields, "/ui/fits")
    assert page.status_code == 422
    seed = re.search(r'<input id="seed"[^>]*>', page.text)
    assert seed is not None
    assert 'aria-invalid="true"' in seed[0]
    assert '<div class="errors" id="seed-errors"><p class="error">' in page.text
    assert 'value="kept"' in page.text
    assert client.get("/v1/fits").json()["items"] == []


def test_an_error_of_the_service_is_on_the_form(labelset_id: str, fit_id: str, send: Send) -> None:
    """A stream of a fit that has not succeeded is refused in the words of the API."""
    page = send("/ui/streams/new", {"fit": fit_id}, "/ui/streams")
    assert page.status_code == 409
    assert "queued" in words(page)


def test_a_batch_and_a_stream_are_created(
    client: httpx2.Client, finished_fit_id: str, send: Send
) -> None:
    """Options that are left empty have the defaults of the API."""
    fields = {"fit": finished_fit_id, "n": "8", "filter/drop_share": "0.1", "shard_size": ""}
    batch = send("/ui/batches/new", fields, "/ui/batches")
    view = client.get(batch.headers["Location"].replace("/ui/", "/v1/")).json()
    assert (view["n"], view["filter"], view["truncation"]) == (8, {"drop_share": 0.1}, 0.7)
    stream = send("/ui/streams/new", {"fit": finished_fit_id}, "/ui/streams")
    assert stream.status_code == 303
    assert client.get(stream.headers["Location"]).status_code == 200


def test_an_evaluation_is_created(
    client: httpx2.Client, finished_fit_id: str, heldout: str, send: Send
) -> None:
    """Numbers between commas are a list."""
    fields = {
        "fit": finished_fit_id,
        "heldout_labelset": heldout,
        "options/synthetic_counts": "10, 20",
        "options/num_seeds": "2",
    }
    answer = send("/ui/evaluations/new", fields, "/ui/evaluations")
    assert answer.status_code == 303, words(answer)
    view = client.get(answer.headers["Location"].replace("/ui/", "/v1/")).json()
    assert view["options"]["synthetic_counts"] == [10, 20]


def test_an_evaluation_offers_own_images(
    *,
    client: httpx2.Client,
    finished_fit_id: str,
    heldout: str,
    add_labeling: AddLabeling,
    send: Send,
) -> None:
    """The page of a labeling leads to the form, which lists those that have succeeded; the evaluation leads back."""
    own = add_labeling(finished_fit_id)
    waiting = add_labeling(finished_fit_id, status=None)
    form = client.get("/ui/evaluations/new").text
    assert (own in form, waiting in form) == (True, False)
    link = f"/ui/evaluations/new?fit={finished_fit_id}&labeling={own}"
    assert f'href="{html.escape(link)}"' in client.get(f"/ui/labelings/{own}").text
    assert html.escape(link) not in client.get(f"/ui/labelings/{waiting}").text
    assert f'value="{own}" selected' in client.get(link).text
    fields = {"fit": finished_fit_id, "heldout_labelset": heldout, "labeling": own}
    answer = send("/ui/evaluations/new", fields, "/ui/evaluations")
    assert answer.status_code == 303, words(answer)
    page = client.get(answer.headers["Location"]).text
    assert f'href="/ui/labelings/{own}"' in page


def test_an_upload_is_checked_before_it_is_stored(client: httpx2.Client, send: Send) -> None:
    """The check shows what would be created, or every error, and stores nothing."""
    good = {"archive": ("labels.zip", zipped(pairs(2)))}
    part = send("/ui/labelsets/new", {}, "/ui/labelsets/check", files=good)
    assert "Everything fits" in words(part)
    assert "skin" in words(part)
    files = pairs(2)
    del files["masks/image-0.png"]
    bad = {"archive": ("labels.zip", zipped(files))}
    part = send("/ui/labelsets/new", {}, "/ui/labelsets/check", files=bad)
    assert "image-0.png : The image has no label" in words(part)
    assert client.get("/v1/labelsets").json()["items"] == []


def test_single_files_and_names_of_classes_are_a_labelset(
    client: httpx2.Client, send: Send
) -> None:
    """A person needs no labelset.json."""
    files = [
        (name.partition("/")[0], (name.partition("/")[2], data))
        for name, data in pairs(2).items()
        if "/" in name
    ]
    fields = {"name": "mine", "classes": "background, skin, hair"}
    answer = send("/ui/labelsets/new", fields, "/ui/labelsets", files=files)
    assert answer.status_code == 303, words(answer)
    page = client.get(answer.headers["Location"])
    assert "mine" in words(page)
    overlay = client.get(answer.headers["Location"] + "/images/1/mask")
    assert overlay.headers["Content-Type"] == "image/png"


def test_an_upload_with_flaws_is_refused_on_the_form(client: httpx2.Client, send: Send) -> None:
    """The page lists them, with the status of the API."""
    bad = {"archive": ("labels.zip", b"no zip")}
    page = send("/ui/labelsets/new", {}, "/ui/labelsets", files=bad)
    assert page.status_code == 422
    assert "Nothing was created" in words(page)


def test_a_labeling_is_created_from_images(
    client: httpx2.Client, finished_fit_id: str, send: Send
) -> None:
    """Its images are sent in the form."""
    image = encode(Image.new("RGB", (32, 32)))
    answer = send(
        "/ui/labelings/new",
        {"fit": finished_fit_id, "aspect": "pad"},
        "/ui/labelings",
        files={"images": ("a.png", image)},
    )
    assert answer.status_code == 303, words(answer)
    assert client.get(answer.headers["Location"].replace("/ui/", "/v1/")).json()["aspect"] == "pad"


def test_a_training_is_created(client: httpx2.Client, send: Send) -> None:
    """The options of the form are those of the API."""
    answer = send(
        "/ui/generators/train",
        {"name": "faces", "training/px": "32", "training/hours": "0.5"},
        "/ui/generators",
        files={"file": ("images.zip", zipped(pairs(1)))},
    )
    assert answer.status_code == 303, words(answer)
    view = client.get(answer.headers["Location"].replace("/ui/", "/v1/")).json()
    assert (view["training"]["options"]["px"], view["training"]["options"]["hours"]) == (32, 0.5)


def test_an_import_needs_a_file(client: httpx2.Client) -> None:
    """A browser sends an empty name for a file that was not chosen. The form says so at the field."""
    fields = {**hidden(client.get("/ui/generators/new").text), "name": "faces"}
    parts = [f'name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts.append('name="file"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n')
    lines = [f"--x\r\nContent-Disposition: form-data; {part}\r\n" for part in parts]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    page = client.post(
        "/ui/generators", content="".join([*lines, "--x--\r\n"]).encode(), headers=headers
    )
    assert page.status_code == 422
    assert "Expected a checkpoint, got no file" in words(page)


def test_a_job_is_cancelled_and_deleted(client: httpx2.Client, fit_id: str, send: Send) -> None:
    """A job that has not ended can be cancelled, an ended one deleted after a question."""
    page = f"/ui/fits/{fit_id}"
    send(page, {}, f"{page}/cancel")
    assert client.get(f"/v1/fits/{fit_id}").json()["status"] in {"cancelling", "cancelled"}
    refused = send(f"{page}/delete", {}, f"{page}/delete")
    assert refused.status_code == 409
    assert "cancelling" in words(refused)


def test_a_batch_that_failed_is_resumed(
    client: httpx2.Client,
    finished_fit_id: str,
    fail_batch: Callable[[str], BatchManifest],
    send: Send,
) -> None:
    """Its page has a button, and leads to the batch that continues it."""
    body = {"fit": finished_fit_id, "n": 8, "shard_size": 2}
    batch_id = client.post("/v1/batches", json=body).json()["id"]
    fail_batch(batch_id)
    page = f"/ui/batches/{batch_id}"
    assert "The worker died" in words(client.get(page))
    answer = send(page, {}, f"{page}/resume")
    assert answer.status_code == 303
    resumed = client.get(answer.headers["Location"].replace("/ui/", "/v1/")).json()
    assert resumed["resumes"] == batch_id


def test_a_built_in_generator_cannot_be_deleted(client: httpx2.Client, send: Send) -> None:
    """Its page has no button, and the request is refused as by the API."""
    assert "/ui/generators/tiny-32/delete" not in client.get("/ui/generators/tiny-32").text
    answer = send("/ui", {}, "/ui/generators/tiny-32/delete")
    assert answer.status_code in {403, 409}
