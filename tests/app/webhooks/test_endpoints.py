"""`/v1/webhooks`: addresses of a tenant, their secrets and the log of messages."""

from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from app.webhooks.service import MAX_ENDPOINTS
from contracts.accounts.webhooks import Message, valid_secrets
from contracts.base import now
from contracts.ids import DEFAULT_TENANT, new_id
from state import redis_keys
from state.ledger import Ledger
from state.store import Store
from state.webhooks import deliveries, endpoints

BODY = {"url": "https://example.com/hook", "name": "mine", "events": ["batch", "failed"]}


def add(client: httpx2.Client, **changes: Any) -> dict[str, Any]:
    """Add an address."""
    answer = client.post("/v1/webhooks", json=BODY | changes)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == answer.json()["links"]["self"]
    return dict(answer.json())


def test_the_secret_is_shown_once(client: httpx2.Client) -> None:
    """The library of Standard Webhooks takes it."""
    made = add(client)
    shown = client.get(made["links"]["self"]).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert made["secret"] not in client.get("/v1/webhooks").text
    assert Webhook(made["secret"]).sign("x", now(), "{}").startswith("v1,")


def test_an_address_is_changed_and_deleted(client: httpx2.Client, store: Store) -> None:
    """The secret stays with a change. Nothing is left of a deleted one."""
    made = add(client)
    changed = client.put(made["links"]["self"], json={"url": "https://example.com/other"})
    assert (changed.json()["url"], changed.json()["events"]) == ("https://example.com/other", [])
    (stored,) = endpoints.read_secrets(store, DEFAULT_TENANT, made["id"])
    assert stored.secret == made["secret"]
    client.post(made["links"]["test"])
    assert client.delete(made["links"]["self"]).status_code == 204
    assert client.get(made["links"]["self"]).status_code == 404
    assert endpoints.ids(store, DEFAULT_TENANT) == ()
    assert list(store.list("tenants/default/deliveries")) == []


def test_a_rotation_keeps_the_old_secret_for_a_while(client: httpx2.Client, store: Store) -> None:
    """Messages are signed with both; without a grace time with the new one only."""
    made = add(client)
    rotated = client.post(made["links"]["rotate"], json={"grace_seconds": 60}).json()
    stored = endpoints.read_secrets(store, DEFAULT_TENANT, made["id"])
    assert valid_secrets(stored, now()) == [rotated["secret"], made["secret"]]
    last = client.post(made["links"]["rotate"], json={"grace_seconds": 0}).json()
    stored = endpoints.read_secrets(store, DEFAULT_TENANT, made["id"])
    assert valid_secrets(stored, now()) == [last["secret"]]


def test_a_test_message_is_due_at_once(client: httpx2.Client, ledger: Ledger) -> None:
    """The process that sends is woken, and the log has the message."""
    made = add(client)
    sent = client.post(made["links"]["test"])
    assert (sent.status_code, sent.json()["status"]) == (202, "pending")
    assert ledger.redis.lrange(redis_keys.WEBHOOKS, 0, -1) == [DEFAULT_TENANT]
    assert client.get(made["links"]["deliveries"]).json()["items"] == [sent.json()]
    again = client.post(sent.json()["links"]["redeliver"])
    assert (again.status_code, again.json()["id"]) == (202, sent.json()["id"])


def test_the_log_is_listed_page_by_page(client: httpx2.Client, store: Store) -> None:
    """Newest first, each once."""
    made = add(client)
    for number in range(3):
        message_id = f"message_{number:032x}"  # ids of one millisecond have no order
        message = Message(id=message_id, type=f"fit.{number}", timestamp=now(), data={})
        deliveries.plan(store, DEFAULT_TENANT, made["id"], message)
    found, path = [], f"{made['links']['deliveries']}?limit=2"
    while path:
        page = client.get(path)
        found += [one["type"] for one in page.json()["items"]]
        path = page.links.get("next", {}).get("url", "")
    assert found == ["fit.2", "fit.1", "fit.0"]


def test_addresses_are_listed_page_by_page(client: httpx2.Client) -> None:
    """Their number is limited."""
    ids = [add(client)["id"] for _ in range(MAX_ENDPOINTS)]
    page = client.get("/v1/webhooks?limit=15")
    rest = client.get(page.links["next"]["url"]).json()["items"]
    assert [one["id"] for one in (*page.json()["items"], *rest)] == ids[::-1]
    refused = client.post("/v1/webhooks", json=BODY)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "ftp://example.com"},
        {"url": "https://"},
        {"url": "https://user:password@example.com"},
        {"url": "https://example.com:99999"},
        {"url": "https://[x/"},
        {"url": "https://exa\u00e4mple.com"},
        {"url": "https://example.com/#x"},
        {"events": ["other"]},
        {"name": "a\nb"},
    ],
)
def test_an_invalid_address_is_refused(client: httpx2.Client, changes: dict[str, Any]) -> None:
    """With its field."""
    answer = client.post("/v1/webhooks", json=BODY | changes)
    assert answer.status_code == 422
    pointer = answer.json()["errors"][0]["pointer"]
    assert pointer.split("/")[1] == next(iter(changes))


def test_an_unknown_message_is_404(client: httpx2.Client) -> None:
    """So is one of an unknown address."""
    links = add(client)["links"]
    assert client.post(f"{links['deliveries']}/{new_id('message')}/redeliver").status_code == 404
    assert client.get(f"/v1/webhooks/{new_id('webhook')}/deliveries").status_code == 404
