"""A receiver of files on loopback, as a bucket behind presigned URLs, whose answers a test chooses."""

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from contracts.accounts.delivery import TemplateDestination
from state.settings import Settings


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

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = found.statuses.pop(0) if found.statuses else 200
            if status == 200:
                found.files[self.path] = body
                found.headers.append(dict(self.headers))
            self.send_response(status)
            if status in range(300, 400):
                self.send_header("Location", f"http://127.0.0.1:{found.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that allow loopback."""
    return settings.model_copy(update={"delivery_networks": "127.0.0.0/8"})
