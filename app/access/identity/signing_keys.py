"""The keys with which an identity provider signs: read from its JWKS (RFC 7517). Asymmetric ones only.

A key is used for its own algorithms, so a public key can never be taken for the secret of an HMAC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from app.access.identity.documents import IssuerError, read_document
from app.access.identity.provider import Provider, is_allowed

log = structlog.get_logger()

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
MAX_KEYS = 100
_RSA_BITS = range(2048, 8193)
# The kind of a key and its curve => its algorithms.
_OF_KIND = {
    ("RSA", None): ("RS256", "PS256"),
    ("EC", "P-256"): ("ES256",),
    ("OKP", "Ed25519"): ("EdDSA",),
}


@dataclass(frozen=True)
class SigningKey:
    """A public key, its id, and the algorithms that it may verify."""

    kid: str | None
    public: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
    algorithms: tuple[str, ...]


def read_signing_keys(provider: Provider) -> tuple[SigningKey, ...]:
    """Return the keys that the provider publishes now. Raises `IssuerError`."""
    metadata = read_document(provider.configuration_url, is_local=provider.is_local)
    if metadata.get("issuer") != provider.issuer:
        raise IssuerError(
            f"expected the issuer {provider.issuer!r} at {provider.configuration_url}, got another one"
        )
    url = metadata.get("jwks_uri")
    if not isinstance(url, str) or not is_allowed(url, may_be_local=provider.is_local):
        raise IssuerError(f"expected an https address as jwks_uri of {provider.issuer}, got none")
    listed = read_document(url, is_local=provider.is_local).get("keys")
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise IssuerError(f"expected a list of at most {MAX_KEYS} keys at {url}, got another value")
    found = tuple(key for key in map(_key_of, listed) if key is not None)
    if len(found) < len(listed):
        log.info("keys of the identity provider are not used", num=len(listed) - len(found))
    return found


def _key_of(jwk: object) -> SigningKey | None:
    """Return the key of an entry, or None for one that does not verify signatures in our algorithms."""
    if not isinstance(jwk, Mapping) or not _is_for_signatures(jwk):
        return None
    algorithms = _algorithms_of(jwk)
    kid = jwk.get("kid")
    if not algorithms or not isinstance(kid, str | None):
        return None
    try:
        public = PyJWK(dict(jwk), algorithms[0]).key
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None
    if isinstance(public, RSAPublicKey):
        return SigningKey(kid, public, algorithms) if public.key_size in _RSA_BITS else None
    if isinstance(public, EllipticCurvePublicKey | Ed25519PublicKey):
        return SigningKey(kid, public, algorithms)
    return None


def _is_for_signatures(jwk: Mapping[str, Any]) -> bool:
    """Return whether a key verifies signatures. A published private key ("d") protects nothing."""
    operations = jwk.get("key_ops", ["verify"])
    is_listed = isinstance(operations, list) and "verify" in operations
    return jwk.get("use", "sig") == "sig" and is_listed and "d" not in jwk


def _algorithms_of(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the algorithms of a key: those of its kind, or the one that it names."""
    kind = (str(jwk.get("kty")), None if jwk.get("crv") is None else str(jwk["crv"]))
    own = jwk.get("alg")
    return tuple(one for one in _OF_KIND.get(kind, ()) if own is None or own == one)
