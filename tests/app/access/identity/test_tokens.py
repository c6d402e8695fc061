"""Tokens of an identity provider: which are accepted, and what a refusal says."""

import base64
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.access.caller import Caller
from app.access.identity.tokens import MAX_TOKEN_CHARACTERS, Tokens
from contracts.base import now
from contracts.errors.access import Unauthorized
from tests.app.access.identity.issuer import EC, ED, RSA, Issuer, jwk

Make = Callable[[Issuer], str]
_OTHER = rsa.generate_private_key(65537, 2048)
_PEM = RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
AT = int(now().timestamp())


def raw(header: bytes, payload: bytes, signature: bytes = b"x") -> str:
    """Return a token of these parts, however wrong they are."""
    parts = (header, payload, signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def confused(issuer: Issuer) -> str:
    """Return a token with an HMAC whose secret is the public key."""
    header = json.dumps({"alg": "HS256", "kid": "one"}).encode()
    payload = json.dumps(issuer.claims()).encode()
    message = raw(header, payload).rpartition(".")[0]
    hmac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = hmac.sign(message.encode(), _PEM)
    return f"{message}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_a_token_names_its_caller(tokens: Tokens, issuer: Issuer) -> None:
    """The tenant, the subject and the scopes come from its claims."""
    text = issuer.sign()
    assert tokens.find(text) == Caller("lab", "oidc:ada", ("read", "write"), text)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "EdDSA")],
    ids=["RS256", "PS256", "ES256", "EdDSA"],
)
def test_four_algorithms_are_accepted(
    tokens: Tokens, issuer: Issuer, key: Any, algorithm: str
) -> None:
    """With a key of their kind; another key of the set does not verify them."""
    issuer.keys = [jwk(key, "own"), jwk(_OTHER, "other")]
    tokens.keys.refresh()
    assert tokens.find(issuer.sign(key, algorithm, "own")).tenant == "lab"
    with pytest.raises(Unauthorized):
        tokens.find(issuer.sign(key, algorithm, "other"))


_REFUSED: dict[str, tuple[Make | str, str]] = {
    "audience": (lambda one: one.sign(aud="another"), "audience 'handsoff'"),
    "no-audience": (lambda one: one.sign(aud=None), "claim 'aud'"),
    "issuer": (lambda one: one.sign(iss="https://other.example"), "of the issuer 'http"),
    "expired": (lambda one: one.sign(exp=AT - 61), "has expired"),
    "not-before": (lambda one: one.sign(nbf=AT + 7200), "not valid yet"),
    "issued-later": (lambda one: one.sign(iat=AT + 7200), "not valid yet"),
    "no-end": (lambda one: one.sign(exp=None), "claim 'exp'"),
    "infinite": (lambda one: one.sign(exp=float("inf")), "Expected a signed token"),
    "no-subject": (lambda one: one.sign(sub=None), "claim 'sub'"),
    "none": (lambda one: jwt.encode(one.claims(), "", "none"), "signed with RS256"),
    "hmac": (confused, "signed with RS256"),
    "rs512": (lambda one: one.sign(algorithm="RS512"), "signed with RS256"),
    "other-kind": (lambda one: one.sign(EC, "ES256"), "algorithm fits its key"),
    "other-key": (lambda one: one.sign(_OTHER), "valid signature"),
    "unknown-key": (lambda one: one.sign(kid="two"), "current key"),
    "no-tenant": (lambda one: one.sign(tenant=None), "claim 'tenant'"),
    "tenant-shape": (lambda one: one.sign(tenant="Lab/1"), "claim 'tenant'"),
    "tenant-line": (lambda one: one.sign(tenant="lab\n"), "claim 'tenant'"),
    "tenant-list": (lambda one: one.sign(tenant=["lab"]), "claim 'tenant'"),
    "long": (lambda one: one.sign(x="y" * MAX_TOKEN_CHARACTERS), "at most 8192 characters"),
    "deep": (raw(b"[" * 5_900, b"{}"), "Expected an API key or a signed token"),
    "list-header": (raw(b'{"alg": ["RS256"]}', b"{}"), "signed with RS256"),
    "number-kid": (raw(b'{"alg": "RS256", "kid": 1}', b"{}"), "Expected an API key"),
    "no-token": ("not-a-key", "Expected an API key or a signed token"),
}


@pytest.mark.parametrize("name", sorted(_REFUSED))
def test_a_wrong_token_is_refused(tokens: Tokens, issuer: Issuer, name: str) -> None:
    """The message names the expected value, and has no part of the token."""
    make, expected = _REFUSED[name]
    text = make if isinstance(make, str) else make(issuer)
    with pytest.raises(Unauthorized, match=expected) as refused:
        tokens.find(text)
    contents = (text.partition(".")[0], "another", "other.example", "Lab", "ada")
    assert not any(part in refused.value.detail for part in contents)


def test_the_leeway_is_for_clocks_that_differ(tokens: Tokens, issuer: Issuer) -> None:
    """A token is accepted for a minute around its times."""
    at = int(now().timestamp())
    assert tokens.find(issuer.sign(exp=at - 30, nbf=at + 30)).id == "oidc:ada"


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        ("read", ("read",)),
        ("openid admin  read", ("read", "admin")),
        (["write", "x", 1, ["read"]], ("write",)),
        ("read operator", ("read",)),
        (["operator"], ()),
        ({"read": True}, ()),
        (None, ()),
    ],
    ids=["one", "words", "list", "operator", "only-operator", "object", "none"],
)
def test_only_scopes_of_tenants_count(
    tokens: Tokens, issuer: Issuer, claim: object, scopes: tuple[str, ...]
) -> None:
    """No token operates the service."""
    assert tokens.find(issuer.sign(scope=claim)).scopes == scopes


def test_a_strange_subject_is_named_by_its_digest(tokens: Tokens, issuer: Issuer) -> None:
    """The audit log has short printable names only."""
    for subject in ("x" * 201, "ada\n", "Zoë", "a b"):
        name = tokens.find(issuer.sign(sub=subject)).id
        assert name.startswith("oidc-sha256:")
        assert len(name) == len("oidc-sha256:") + 64
    assert tokens.find(issuer.sign(sub="auth0|1:2")).id == "oidc:auth0|1:2"


def test_a_key_needs_no_name_if_it_is_the_only_one(tokens: Tokens, issuer: Issuer) -> None:
    """With several keys, a token without `kid` is refused."""
    text = issuer.sign(kid=None)
    assert tokens.find(text).tenant == "lab"
    issuer.keys.append(jwk(EC, "two"))
    tokens.keys.refresh()
    with pytest.raises(Unauthorized, match="names its key"):
        tokens.find(text)


def test_unusable_keys_are_left_out(tokens: Tokens, issuer: Issuer) -> None:
    """Secrets, keys for encryption, private and short keys, other curves, and entries that are no keys."""
    good = jwk(RSA, "one")
    short = rsa.generate_private_key(65537, 1024)
    other = ec.generate_private_key(ec.SECP384R1())
    issuer.keys = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "one"},
        good | {"use": "enc"},
        good | {"d": "AQAB"},
        good | {"alg": "RSA-OAEP"},
        good | {"n": "!"},
        good | {"key_ops": ["encrypt"]},
        jwk(short, "one"),
        jwk(other, "one"),
        "x",  # type: ignore[list-item]
    ]
    tokens.keys.refresh()
    assert tokens.keys.current() == ()
    issuer.keys.append(good)
    tokens.keys.refresh()
    assert tokens.find(issuer.sign()).tenant == "lab"
