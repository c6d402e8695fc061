"""A receiver of files on loopback, as a bucket behind presigned URLs, whose answers a test chooses."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest

from contracts.accounts.delivery import TemplateDestination
from state.settings import Settings
from tests.workers.receiver import receiving


@dataclass
class Bucket:
    """The files that were put, by path, in their order. `statuses` are those of the next answers, then 200."""

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def destination(self) -> TemplateDestination:
        """An address for all files."""
        url = f"http://127.0.0.1:{self.port}/run/{{name}}?token=secret"
        return TemplateDestination(url=url, headers={"x-ms-blob-type": "BlockBlob"})


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """Serve a receiver during a test."""
    found = Bucket()

    def handle(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, str]:
        status = found.statuses.pop(0) if found.statuses else 200
        if status == 200:
            found.files[request.path] = body
            found.headers.append(dict(request.headers))
        return status, f"http://127.0.0.1:{found.port}/elsewhere"

    with receiving(handle) as found.port:
        yield found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that allow loopback."""
    return settings.model_copy(update={"delivery_networks": "127.0.0.0/8"})
