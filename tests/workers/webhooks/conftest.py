"""A receiver of webhooks on loopback, whose answers a test chooses, and a machine that may send there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest

from contracts.accounts.webhooks import Message, WebhookEndpoint
from contracts.base import now
from contracts.ids import new_id
from state.settings import Settings
from state.webhooks import endpoints
from tests.workers.receiver import receiving
from workers.runtime.machine import Machine


@dataclass
class Received:
    """The requests that a receiver got: headers and bodies. `statuses` are those of the next answers, then 204."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address of the receiver."""
        return f"http://127.0.0.1:{self.port}/hook?x=1"


@pytest.fixture
def received() -> Iterator[Received]:
    """Serve a receiver during a test."""
    found = Received()

    def handle(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, str]:
        found.requests.append((dict(request.headers), body))
        return found.statuses.pop(0) if found.statuses else 204, found.url

    with receiving(handle) as found.port:
        yield found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that allow loopback."""
    return settings.model_copy(update={"webhook_networks": "127.0.0.0/8"})


@pytest.fixture
def message() -> Message:
    """Return a message about a batch."""
    return Message(
        id=new_id("message"), type="batch.succeeded", timestamp=now(), data={"id": "batch_1"}
    )


Add = Callable[..., WebhookEndpoint]
"""Store an endpoint of the default tenant at the receiver."""


@pytest.fixture
def add(machine: Machine, received: Received) -> Add:
    """Return a function that stores an endpoint."""

    def store_endpoint(*events: str, tenant: str = "default", url: str = "") -> WebhookEndpoint:
        fields = {"tenant": tenant, "id": new_id("webhook"), "created_at": now(), "events": events}
        endpoint = WebhookEndpoint.model_validate(fields | {"url": url or received.url})
        endpoints.add_secret(machine.store, tenant, endpoint.id)
        endpoints.write(machine.store, endpoint)
        return endpoint

    return store_endpoint
