"""API keys on the page: created and rotated with a secret that is shown once, and revoked."""

import re

import httpx2
import pytest

from tests.app.keys.conftest import Issue
from tests.app.ui.conftest import hidden, words
from tests.app.ui.keyed.test_tenants import sign_in, text_of

SECRET = re.compile(r'id="secret">(hk_[0-9a-f]+_[0-9a-f]+)<')


@pytest.fixture(autouse=True)
def _signed_in(client: httpx2.Client, issue: Issue) -> None:
    """Sign in as an administrator."""
    client.cookies.clear()
    sign_in(client, text_of(issue()))


def create(client: httpx2.Client, **fields: str) -> httpx2.Response:
    """Send the form of a new key."""
    page = client.get("/ui/keys")
    form = {"name": "a machine", "read": "true", "lifetime": "90", **fields}
    return client.post("/ui/keys", data={**hidden(page.text), **form})


def key_of(client: httpx2.Client, name: str) -> str:
    """Return the id of a key in the list."""
    row = client.get("/ui/keys").text.partition(name)[2]
    found = re.search(r"/ui/keys/(key_[0-9a-f]+)/rotate", row)
    assert found is not None
    return found[1]


def permits(client: httpx2.Client, secret: str) -> int:
    """Return the status of a request to the API with a secret."""
    return client.get("/v1/fits", headers={"Authorization": f"Bearer {secret}"}).status_code


def test_a_secret_is_shown_once(client: httpx2.Client) -> None:
    """The new key works, its text is on no later page, and no browser keeps the answer."""
    answer = create(client)
    (secret,) = SECRET.findall(answer.text)
    assert answer.headers["Cache-Control"] == "no-store"
    assert permits(client, secret) == 200
    page = client.get("/ui/keys")
    assert secret not in page.text
    for fact in ("a machine", "read", "never", "active"):
        assert fact in words(page), fact


def test_a_rotation_ends_the_earlier_secret(client: httpx2.Client) -> None:
    """Without a grace period only the new secret is valid."""
    (old,) = SECRET.findall(create(client).text)
    path = f"/ui/keys/{key_of(client, 'a machine')}/rotate"
    form = hidden(client.get(path).text)
    (new,) = SECRET.findall(client.post(path, data={**form, "grace": "0"}).text)
    assert (permits(client, new), permits(client, old)) == (200, 401)


def test_a_revoked_key_stays_in_the_list(client: httpx2.Client) -> None:
    """It is asked before; afterwards the key opens nothing."""
    (secret,) = SECRET.findall(create(client).text)
    path = f"/ui/keys/{key_of(client, 'a machine')}/revoke"
    asked = client.get(path)
    assert "cannot be undone" in words(asked)
    assert permits(client, secret) == 200
    assert client.post(path, data=hidden(asked.text)).status_code == 303
    assert permits(client, secret) == 401
    assert "revoked" in words(client.get("/ui/keys"))


@pytest.mark.parametrize("fields", [{"read": "false"}, {"name": " "}], ids=["no-scope", "no-name"])
def test_a_wrong_form_creates_nothing(client: httpx2.Client, fields: dict[str, str]) -> None:
    """422 with the reason; there is no secret."""
    answer = create(client, **fields)
    assert answer.status_code == 422
    assert "Nothing was created" in words(answer)
    assert not SECRET.findall(answer.text)


def test_a_form_without_its_token_is_refused(client: httpx2.Client) -> None:
    """403, as for every form."""
    answer = client.post("/ui/keys", data={"name": "x", "read": "true"})
    assert answer.status_code == 403


def test_only_administrators_see_keys(client: httpx2.Client, issue: Issue) -> None:
    """A key without the scope gets 403 for every page and form about keys."""
    key_id = key_of(client, "a test")
    client.cookies.clear()
    sign_in(client, text_of(issue(scopes=("read", "write"))))
    fields = hidden(client.get("/ui").text)
    for path in ("/ui/keys", f"/ui/keys/{key_id}/rotate", f"/ui/keys/{key_id}/revoke"):
        assert client.get(path).status_code == 403, path
        assert client.post(path, data={**fields, "name": "x"}).status_code == 403, path


def test_keys_of_another_tenant_do_not_exist(client: httpx2.Client, issue: Issue) -> None:
    """404 for their pages and forms; the list has none of them."""
    create(client, name="a secret of the first")
    key_id = key_of(client, "a secret of the first")
    client.cookies.clear()
    sign_in(client, text_of(issue("bob")))
    page = client.get("/ui/keys")
    assert "a secret" not in page.text
    assert key_id not in page.text
    for verb in ("rotate", "revoke"):
        path = f"/ui/keys/{key_id}/{verb}"
        assert client.get(path).status_code == 404
        assert client.post(path, data=hidden(page.text)).status_code == 404
