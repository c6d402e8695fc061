"""Checks the tokens of an identity provider: signed JWTs (RFC 7519), by PyJWT. `Tokens.find` returns the caller.

No message and no log has a part of a token. Messages name only the expected value.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from pydantic import TypeAdapter, ValidationError

from app.access.caller import Caller
from app.access.identity.key_source import KeySource
from app.access.identity.provider import Provider
from app.access.identity.signing_keys import ALGORITHMS, SigningKey
from contracts.access.keys import SCOPES, Scope
from contracts.digests import sha256_of
from contracts.errors.access import Unauthorized
from contracts.ids import TenantId

MAX_TOKEN_CHARACTERS = 8192
_MAX_SUBJECT = 200
_TENANT: TypeAdapter[str] = TypeAdapter(TenantId)
_REQUIRED = ["exp", "iss", "aud", "sub"]
# What PyJWT lets through for crafted JSON, beside its own errors.
_UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)

_REASONS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (
        jwt.ExpiredSignatureError,
        "The token has expired. Get a new one from the identity provider.",
    ),
    (
        (jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError),
        "The token is not valid yet. Compare the clocks of this machine and the identity provider.",
    ),
    (
        jwt.InvalidSignatureError,
        "Expected a token with a valid signature of the identity provider.",
    ),
    (Exception, "Expected a signed token (JWT) of the identity provider."),
)


class Tokens:
    """The check of one provider's tokens. It is for the event loop and waits for nothing."""

    def __init__(self, provider: Provider, keys: KeySource | None = None) -> None:
        self.provider = provider
        self.keys = keys or KeySource(provider)

    def find(self, text: str) -> Caller:
        """Return the caller of a token.

        Raises `Unauthorized` if it is not valid now, and `Unavailable` while the provider's keys are not known.
        """
        if len(text) > MAX_TOKEN_CHARACTERS:
            raise Unauthorized(f"Expected a token of at most {MAX_TOKEN_CHARACTERS} characters.")
        algorithm, kid = _header_of(text)
        key = self._key(algorithm, kid)
        claims = self._claims(text, key, algorithm)
        return Caller(
            tenant=self._tenant(claims),
            id=_subject_id(claims["sub"]),
            scopes=_scopes(claims.get(self.provider.scopes_claim)),
            text=text,
        )

    def _key(self, algorithm: str, kid: str | None) -> SigningKey:
        """Return the key that must have signed a token. An unknown one may be new: then the keys are read again."""
        keys = self.keys.current()
        if kid is None and len(keys) > 1:
            raise Unauthorized("Expected a token whose header names its key (`kid`).")
        named = [key for key in keys if kid is None or key.kid == kid]
        if not named:
            self.keys.ask()
            raise Unauthorized(
                "Expected a token that is signed with a current key of the identity provider. If its key is new,"
                " retry in a minute."
            )
        for key in named:
            if algorithm in key.algorithms:
                return key
        raise Unauthorized("Expected a token whose algorithm fits its key.")

    def _claims(self, text: str, key: SigningKey, algorithm: str) -> Mapping[str, Any]:
        """Return the claims of a token whose signature, times, issuer and audience are right."""
        try:
            return jwt.decode(
                text,
                key.public,
                algorithms=[algorithm],
                audience=self.provider.audience,
                issuer=self.provider.issuer,
                leeway=self.provider.leeway_seconds,
                options={"require": _REQUIRED},
            )
        except (jwt.PyJWTError, *_UNREADABLE) as error:
            raise Unauthorized(self._reason(error)) from None

    def _reason(self, error: Exception) -> str:
        """Return why a token is refused, as a sentence without its contents."""
        if isinstance(error, jwt.MissingRequiredClaimError):
            return f"Expected a token with the claim '{error.claim}'."
        if isinstance(error, jwt.InvalidAudienceError):
            return f"Expected a token for the audience '{self.provider.audience}'."
        if isinstance(error, jwt.InvalidIssuerError):
            return f"Expected a token of the issuer '{self.provider.issuer}'."
        return next(text for kinds, text in _REASONS if isinstance(error, kinds))

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        """Return the tenant of a token."""
        try:
            return _TENANT.validate_python(claims.get(self.provider.tenant_claim), strict=True)
        except ValidationError:
            raise Unauthorized(
                f"Expected a tenant in the claim '{self.provider.tenant_claim}' of the token: at most 63 lower-case"
                " letters, digits and hyphens."
            ) from None


def _header_of(text: str) -> tuple[str, str | None]:
    """Return the algorithm and the key id of a token whose signature is not checked yet."""
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, *_UNREADABLE):
        raise Unauthorized("Expected an API key or a signed token (JWT).") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise Unauthorized(f"Expected a token that is signed with {', '.join(ALGORITHMS)}.")
    return str(algorithm), kid


def _subject_id(subject: str) -> str:
    """Return the name of a caller in the audit log. A long or unprintable subject is named by its SHA-256."""
    if re.fullmatch(rf"[\x21-\x7e]{{1,{_MAX_SUBJECT}}}", subject):
        return f"oidc:{subject}"
    return f"oidc-sha256:{sha256_of(subject.encode(errors='surrogatepass'))}"


def _scopes(value: object) -> tuple[Scope, ...]:
    """Return the scopes in a claim: words in a text, or a list. `operator` and unknown ones do not count."""
    named: Sequence[object] = ()
    if isinstance(value, str):
        named = value.split()
    elif isinstance(value, list):
        named = value
    return tuple(scope for scope in SCOPES if scope in named)
