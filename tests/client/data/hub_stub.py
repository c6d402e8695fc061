"""A local stub of the Hub's API for one user: create a repository, look at its files, commit, and the LFS store.

It has the routes that `huggingface_hub` 2.4 calls for `handsoff push`. Tars are large files, as on the Hub.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qs

TOKEN = "hf_secret_of_the_test"
OWNER = "ada"


@dataclass
class Hub:
    """The repositories by name, the large objects by digest, and what was committed and sent, in order."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    private: dict[str, bool] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    committed: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    hold_after: int | None = None
    """The number of large objects after which the next one waits for `release`."""
    held: Event = field(default_factory=Event)
    release: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """Serve a hub on a free port."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Write no log."""

    def do_GET(self) -> None:
        self._answer_file(with_body=True)

    def do_HEAD(self) -> None:
        self._answer_file(with_body=False)

    def do_POST(self) -> None:
        body = self._body()
        if not self._is_allowed():
            return
        if self.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif self.path == "/api/repos/create":
            self._create(json.loads(body))
        elif match := re.fullmatch(r"/api/datasets/(.+)/paths-info/main", self.path):
            names = parse_qs(body.decode()).get("paths", [])
            self._json([one for one in map(self._info, [match[1]] * len(names), names) if one])
        elif re.fullmatch(r"/api/datasets/(.+)/preupload/main", self.path):
            files = [_mode(one["path"]) for one in json.loads(body)["files"]]
            self._json({"files": files})
        elif match := re.fullmatch(r"/datasets/(.+)\.git/info/lfs/objects/batch", self.path):
            wanted = json.loads(body)["objects"]
            self._json({"transfer": "basic", "objects": [self._action(one) for one in wanted]})
        elif match := re.fullmatch(r"/api/datasets/(.+)/commit/main.*", self.path):
            self._commit(match[1], body)
        else:
            self._json({"error": f"no route {self.path}"}, 500)

    def do_PUT(self) -> None:
        """Take a large object; wait before the first one that is too many."""
        data, hub = self._body(), self.hub
        with hub.lock:
            if hub.hold_after is not None and len(hub.objects) >= hub.hold_after:
                hub.held.set()
                hub.release.wait()
                self.close_connection = True
                return
            oid = hashlib.sha256(data).hexdigest()
            hub.objects[oid] = data
            hub.sent.append(oid)
        self._json({})

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _is_allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self._json({"error": "Invalid username or password."}, 401)
        return False

    def _create(self, request: dict[str, Any]) -> None:
        name = f"{request['organization'] or OWNER}/{request['name']}"
        if request["organization"] not in (None, OWNER):
            self._json({"error": "You don't have the rights to create a dataset here."}, 403)
            return
        exists = name in self.hub.repositories
        self.hub.repositories.setdefault(name, {".gitattributes": b""})
        self.hub.private.setdefault(name, request.get("visibility") == "private")
        self._json({"url": f"{self.hub.url}/datasets/{name}"}, 409 if exists else 200)

    def _commit(self, name: str, body: bytes) -> None:
        for line in body.decode().splitlines():
            one = json.loads(line)
            value = one["value"]
            if one["key"] == "file":
                self.hub.repositories[name][value["path"]] = base64.b64decode(value["content"])
            elif one["key"] == "lfsFile":
                self.hub.repositories[name][value["path"]] = self.hub.objects[value["oid"]]
            if one["key"] != "header":
                self.hub.committed.append(value["path"])
        self._json({"success": True, "commitOid": "0" * 40, "commitUrl": f"{self.hub.url}/c/0"})

    def _action(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted["oid"] in self.hub.objects:
            return wanted
        return wanted | {"actions": {"upload": {"href": f"{self.hub.url}/lfs/{wanted['oid']}"}}}

    def _info(self, name: str, path: str) -> dict[str, Any] | None:
        data = self.hub.repositories[name].get(path)
        if data is None:
            return None
        info: dict[str, Any] = {"type": "file", "path": path, "size": len(data)}
        info["oid"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        if path.endswith(".tar"):
            digest = hashlib.sha256(data).hexdigest()
            info["lfs"] = {"size": len(data), "oid": digest, "pointerSize": 134}
        return info

    def _answer_file(self, *, with_body: bool) -> None:
        if not self._is_allowed():
            return
        known = "|".join(map(re.escape, self.hub.repositories))
        if not re.match(rf"(/api)?/datasets/({known or '-'})(/|$)", self.path):
            self._json({"error": "Repository not found"}, 404)
        elif match := re.fullmatch(r"/datasets/(.+)/resolve/main/(.+)", self.path):
            self._file(self.hub.repositories[match[1]][match[2]], with_body=with_body)
        elif match := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)", self.path):
            siblings = [{"rfilename": path} for path in self.hub.repositories[match[1]]]
            self._json({"id": match[1], "sha": "0" * 40, "siblings": siblings})
        else:
            self._json({"error": f"no route {self.path}"}, 500)

    def _file(self, data: bytes, *, with_body: bool) -> None:
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def _json(self, answer: Any, status: int = 200) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _mode(path: str) -> dict[str, Any]:
    mode = "lfs" if path.endswith(".tar") else "regular"
    return {"path": path, "uploadMode": mode, "shouldIgnore": False}
