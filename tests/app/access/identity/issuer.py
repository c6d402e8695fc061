"""A local identity provider: an HTTP server with keys that a test rotates, and the tokens that it signs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from contracts.base import now

AUDIENCE = "handsoff"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()

_PATH = "/.well-known/openid-configuration"


def jwk(key: Any, kid: str | None) -> dict[str, Any]:
    """Return the public key of a private one, as a JWK."""
    if isinstance(key, rsa.RSAPrivateKey):
        public = dict(RSAAlgorithm.to_jwk(key.public_key(), as_dict=True))
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        public = dict(ECAlgorithm.to_jwk(key.public_key(), as_dict=True))
    else:
        public = dict(OKPAlgorithm.to_jwk(key.public_key(), as_dict=True))
    return public if kid is None else public | {"kid": kid}


@dataclass
class Issuer:
    """What the server answers. `answers` has other bodies, or redirects (a text), by path."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk(RSA, "one")])
    answers: dict[str, bytes | str] = field(default_factory=dict)
    num_requests: int = 0
    is_away: bool = False

    def body(self, path: str) -> bytes | str | None:
        """Return the body at a path."""
        documents = {
            _PATH: {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": self.keys},
        }
        if path in self.answers:
            return self.answers[path]
        return json.dumps(documents[path]).encode() if path in documents else None

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a valid token. A changed claim of None is left out."""
        at = int(now().timestamp())
        own = {"iss": self.url, "aud": AUDIENCE, "sub": "ada", "exp": at + 300, "iat": at}
        own |= {"tenant": "lab", "scope": "read write"}
        return {name: value for name, value in (own | changes).items() if value is not None}

    def sign(
        self,
        key: Any = RSA,
        algorithm: str = "RS256",
        kid: str | None = "one",
        **changes: Any,
    ) -> str:
        """Return a token with these claims."""
        headers = {"kid": kid} if kid is not None else {}
        return jwt.encode(self.claims(**changes), key, algorithm, headers=headers)


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Serve an identity provider on a free loopback port."""
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.num_requests += 1
            body = None if issuer.is_away else issuer.body(self.path)
            self.send_response(302 if isinstance(body, str) else 500 if body is None else 200)
            if isinstance(body, str):
                self.send_header("Location", body)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else b"")

        def log_message(self, *words: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
