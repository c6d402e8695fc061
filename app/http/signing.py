"""HMAC-SHA256 over short texts: what the app hands out and later believes (download links, cursors)."""

import base64
import hashlib
import hmac


def signature(secret: bytes, purpose: str, text: str) -> str:
    """The signature of `text`, 43 characters. `purpose` keeps a link's signature from passing for a cursor's."""
    digest = hmac.new(secret, f"{purpose}\n{text}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_signed(secret: bytes, purpose: str, text: str, given: str) -> bool:
    """True when `given` is the signature of `text`. Takes the same time whatever is wrong."""
    return hmac.compare_digest(signature(secret, purpose, text).encode(), given.encode())
