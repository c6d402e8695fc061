"""The page with API keys: sign in, sign out, and nothing of another tenant."""

from collections.abc import Callable

import httpx2
import pytest

from contracts.access.keys import Scope
from state.ledger import Ledger
from state.store import Store
from tests.app.keys.conftest import Headers, Issue
from tests.app.ui.conftest import hidden, words
from tests.app.ui.rendered import render_batch


def sign_in(client: httpx2.Client, key: str, target: str = "/ui") -> httpx2.Response:
    """Send the form of the first page."""
    form = client.get(f"/ui/sign-in?next={target}")
    return client.post("/ui/sign-in", data={**hidden(form.text), "key": key})


def text_of(header: dict[str, str]) -> str:
    """Return the key in a header of the API."""
    return header["Authorization"].removeprefix("Bearer ")


def test_a_visitor_without_a_key_is_asked_for_one(client: httpx2.Client) -> None:
    """The page that was requested is opened afterwards; the health of the service is not shown."""
    answer = client.get("/ui/fits?status=failed")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/ui/sign-in?next=%2Fui%2Ffits%3Fstatus%3Dfailed"
    page = client.get(answer.headers["Location"])
    assert "Sign in" in words(page)
    assert "Workers" not in words(page)
    assert hidden(page.text)["next"] == "/ui/fits?status=failed"


def test_a_key_opens_the_page_and_stays_hidden(client: httpx2.Client, issue: Issue) -> None:
    """The key is in a cookie that scripts cannot read, and in no page."""
    key = text_of(issue())
    answer = sign_in(client, key, "/ui/fits")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ui/fits")
    cookie = answer.headers["Set-Cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/ui"))
    page = client.get("/ui")
    assert (page.status_code, key in page.text) == (200, False)


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/v1/fits", "/\\evil"]
)
def test_no_other_site_is_opened_after_a_sign_in(
    client: httpx2.Client,
    issue: Issue,
    target: str,
) -> None:
    """Only addresses of the page are opened."""
    assert sign_in(client, text_of(issue()), target).headers["Location"] == "/ui"


@pytest.mark.parametrize("key", ["", "wrong", "ho_" + "a" * 43])
def test_a_wrong_key_is_refused(client: httpx2.Client, key: str) -> None:
    """The form says why, and no cookie is set."""
    answer = sign_in(client, key)
    assert answer.status_code == 422
    assert "handsoff_key" not in answer.headers.get("Set-Cookie", "")


def test_signing_out_forgets_the_key(client: httpx2.Client, issue: Issue) -> None:
    """The next page asks for a key again."""
    sign_in(client, text_of(issue()))
    page = client.get("/ui")
    assert "Sign out default" in words(page)
    client.post("/ui/sign-out", data=hidden(page.text))
    assert client.get("/ui").status_code == 303


def test_a_key_that_may_only_read_creates_nothing(client: httpx2.Client, issue: Issue) -> None:
    """403 names the scope. Its pages can be read."""
    sign_in(client, text_of(issue(scopes=("read",))))
    page = client.get("/ui/fits/new")
    answer = client.post("/ui/fits", data=hidden(page.text))
    assert (page.status_code, answer.status_code) == (200, 403)
    assert "write" in words(answer)


def test_tenants_never_see_each_other(
    client: httpx2.Client, issue: Issue, admin: Headers, labelset_id: str
) -> None:
    """Lists, pages, pictures, forms and the overview of another tenant show and change nothing."""
    body = {"generator": "tiny-32", "labelset": labelset_id, "name": "a secret of the first"}
    fit_id = client.post("/v1/fits", json=body, headers=admin).json()["id"]
    sign_in(client, text_of(issue("bob")))
    for path in ("/ui", "/ui/fits", "/ui/labelsets", "/ui/fits/new", "/ui/evaluations/new"):
        page = client.get(path)
        assert page.status_code == 200
        for secret in ("a secret", fit_id, labelset_id, fit_id[-6:]):
            assert secret not in page.text, path
    fields = hidden(client.get("/ui").text)
    for path in (
        f"/ui/fits/{fit_id}",
        f"/ui/fits/{fit_id}/progress",
        f"/ui/fits/{fit_id}/sheet",
        f"/ui/fits/{fit_id}/delete",
        f"/ui/labelsets/{labelset_id}",
        f"/ui/labelsets/{labelset_id}/images/0/image",
    ):
        assert client.get(path).status_code == 404, path
    for path in (f"/ui/fits/{fit_id}/cancel", f"/ui/labelsets/{labelset_id}/delete"):
        assert client.post(path, data=fields).status_code == 404, path
    assert client.get(f"/v1/fits/{fit_id}", headers=admin).json()["status"] == "queued"


def test_galleries_and_sheets_are_not_shared(
    *,
    client: httpx2.Client,
    issue: Issue,
    admin: Headers,
    store: Store,
    ledger: Ledger,
    labelset_id: str,
    finish_fit: Callable[[str], None],
) -> None:
    """Another tenant sees no samples, filters, comparisons, usage or sheets, also after their owner opened them."""
    form = {"generator": "tiny-32", "labelset": labelset_id}
    fit_id = client.post("/v1/fits", json=form, headers=admin).json()["id"]
    finish_fit(fit_id)
    body: dict[str, object] = {"fit": fit_id, "n": 8, "shard_size": 3}
    batch_id = render_batch(client, store, ledger, body, headers=admin)
    base = f"/ui/batches/{batch_id}"
    paths = [
        *(base, f"{base}/samples", f"{base}/samples?contains=hair", f"{base}/samples/0"),
        *(f"{base}/samples/0/image", f"{base}/compare", f"{base}/compare?with={batch_id}"),
    ]
    sign_in(client, text_of(issue()))
    assert [client.get(path).status_code for path in paths] == [200] * len(paths)
    client.cookies.clear()
    sign_in(client, text_of(issue("bob")))
    assert [client.get(path).status_code for path in paths] == [404] * len(paths)
    assert "Nothing was used." in words(client.get("/ui/usage"))
    own = "/ui/generators/generator_" + "0192" * 8
    assert client.get(f"{own}/explore").status_code == 404
    assert client.get("/ui/generators/tiny-32/explore").status_code == 200


def test_a_revoked_key_is_asked_for_again(
    client: httpx2.Client, issue: Issue, admin: Headers
) -> None:
    """The page says that the key has ended. A part of a page leads there."""
    sign_in(client, text_of(issue()))
    for key in client.get("/v1/keys", headers=admin).json()["items"]:
        if key["prefix"] not in admin["Authorization"]:
            client.delete(f"/v1/keys/{key['id']}", headers=admin)
    page = client.get("/ui")
    assert page.status_code == 401
    assert "revoked" in words(page)
    part = client.get("/ui", headers={"HX-Request": "true"})
    assert part.headers["HX-Redirect"] == "/ui/sign-in"


@pytest.mark.parametrize(
    "page", ["batches", "evaluations", "fits", "generators", "labelings", "labelsets", "streams"]
)
@pytest.mark.parametrize("scopes", [("read",), ("read", "write")])
def test_a_form_says_that_a_key_may_only_read(
    client: httpx2.Client,
    issue: Issue,
    page: str,
    scopes: tuple[Scope, ...],
) -> None:
    """Its buttons are off, and no script checks it: the service would refuse both."""
    sign_in(client, text_of(issue(scopes=scopes)))
    form = client.get(f"/ui/{page}/new")
    assert form.status_code == 200
    sends = "hx-trigger" in form.text or '<button class="main">' in form.text
    may_write = "write" in scopes
    assert ("may only read" in words(form), sends) == (not may_write, may_write)
