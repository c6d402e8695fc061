"""An HTTP receiver on loopback for what workers send out."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Handle = Callable[[http.server.BaseHTTPRequestHandler, bytes], tuple[int, str]]
"""Takes a request and its body. Returns the status, and the address that a redirect leads to."""


@contextmanager
def receiving(handle: Handle) -> Iterator[int]:
    """Yield the port of a receiver of POST and PUT. It answers as `handle` says, without a body."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, location = handle(self, body)
            self.send_response(status)
            if status in range(300, 400):
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT  # noqa: N815 - a name of http.server

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
