"""HMAC-SHA256 signatures of short texts that the app issues and later verifies: links and cursors."""

import base64
import hashlib
import hmac


def signature(secret: bytes, purpose: str, text: str) -> str:
    """Return the signature of `text`, 43 characters. A signature for one `purpose` is invalid for others."""
    digest = hmac.new(secret, f"{purpose}\n{text}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_signed(secret: bytes, purpose: str, text: str, given: str) -> bool:
    """Return whether `given` is the signature of `text`, in constant time."""
    return hmac.compare_digest(signature(secret, purpose, text).encode(), given.encode())
