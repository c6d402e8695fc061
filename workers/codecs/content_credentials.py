"""Content Credentials (C2PA): a picture in, the same picture with a signed statement of its origin out.

The package `c2pa-python` is optional and loaded only with a key. A signature has a time and a random id, so signed
files are for exports only: the bytes of a shard must be reproducible.
"""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from handsoff_shards.provenance.record import SOURCE_TYPE, SYSTEM
from handsoff_shards.reading import Entry, is_image

PACKAGE = "c2pa-python"
_TYPES = {"png": "image/png", "jpg": "image/jpeg"}
_TRIAL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f0005000201f5b4d7c30000000049454e44ae426082"
)
"""A PNG of one pixel."""


class SigningFailed(Exception):
    """A picture cannot be signed: a package, a file or a setting is missing or wrong. The message says which."""


class SigningSettings(Protocol):
    """The operator's settings: certificates (PEM, own first), key (PEM), and the service of time stamps."""

    @property
    def c2pa_certificates(self) -> Path | None: ...
    @property
    def c2pa_key(self) -> Path | None: ...
    @property
    def c2pa_timestamp_url(self) -> str | None: ...


def open_signer(settings: SigningSettings) -> "ImageSigner | None":
    """Return the signer of the operator; None without certificate and key.

    Raises `SigningFailed` if only one of them is given, if they do not belong together, or without the package.
    """
    certificates, key = settings.c2pa_certificates, settings.c2pa_key
    if certificates is None and key is None:
        return None
    if certificates is None or key is None:
        missing = "HANDSOFF_C2PA_CERTIFICATES" if certificates is None else "HANDSOFF_C2PA_KEY"
        raise SigningFailed(f"Expected a certificate chain and its key. Set {missing} too.")
    try:
        return ImageSigner(certificates.read_bytes(), key.read_bytes(), settings.c2pa_timestamp_url)
    except OSError as error:
        raise SigningFailed(f"'{error.filename}' cannot be read: {error.strerror}.") from error


class ImageSigner:
    """Signs generated images with one certificate chain and its private key, both PEM."""

    def __init__(self, certificates: bytes, key: bytes, timestamp_url: str | None = None) -> None:
        try:
            import c2pa  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 - optional
        except ImportError as error:
            raise SigningFailed(
                f"A key for Content Credentials is set, but the package {PACKAGE} is missing. Install it:"
                f" pip install {PACKAGE}."
            ) from error
        self._c2pa: Any = c2pa
        self._certificates, self._key = certificates, key
        self._algorithm = _algorithm(certificates, key)
        self._timestamp_url = timestamp_url

    def sign(self, name: str, data: bytes) -> bytes:
        """Return a PNG or JPEG with a signed statement that a trained model created it. Its pixels do not change.

        Raises `SigningFailed`, also when the service of time stamps does not answer.
        """
        return self._sign(name, data, self._timestamp_url)

    def check(self) -> None:
        """Sign a picture without a time stamp. Raises `SigningFailed` for a certificate that C2PA does not accept."""
        signed = self._sign("trial.png", _TRIAL, None)
        c2pa = self._c2pa
        try:
            with c2pa.Reader("image/png", io.BytesIO(signed)) as reader:
                state = reader.get_validation_state()
        except c2pa.C2paError as error:
            raise SigningFailed(f"A signed picture cannot be read: {error}.") from error
        if state == "Invalid":
            raise SigningFailed(
                "Signatures with this certificate are invalid. C2PA needs a certificate of a CA with the key usage"
                " digitalSignature and an extended key usage, such as emailProtection, that has not expired."
            )

    def _sign(self, name: str, data: bytes, timestamp_url: str | None) -> bytes:
        c2pa, kind, out = self._c2pa, _TYPES[name.rpartition(".")[2]], io.BytesIO()
        information = c2pa.C2paSignerInfo(
            getattr(c2pa.C2paSigningAlg, self._algorithm),
            self._certificates,
            self._key,
            timestamp_url,
        )
        settings = {"builder": {"thumbnail": {"enabled": False}}}
        try:
            with (
                c2pa.Signer.from_info(information) as signer,
                c2pa.Context.from_dict(settings) as context,
                c2pa.Builder(json.dumps(_manifest(name, kind)), context) as builder,
            ):
                builder.sign(signer, kind, io.BytesIO(data), out)
        except c2pa.C2paError as error:
            raise SigningFailed(f"'{name}' cannot be signed: {error}.") from error
        return out.getvalue()


def signed(files: Iterable[Entry], signer: ImageSigner) -> Iterator[Entry]:
    """Yield the files of an export, with its images signed. Labels do not change."""
    for name, data in files:
        yield name, signer.sign(name.rpartition("/")[2], data) if is_image(name) else data


def _manifest(name: str, kind: str) -> dict[str, Any]:
    created = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPE,
        "softwareAgent": {"name": SYSTEM},
    }
    return {
        "claim_generator_info": [{"name": SYSTEM}],
        "title": name,
        "format": kind,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }


def _algorithm(certificates: bytes, key: bytes) -> str:
    """Return C2PA's name of the signature algorithm. Raises `SigningFailed` for a key of another certificate."""
    from cryptography import x509  # noqa: PLC0415 - comes with c2pa-python
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - likewise
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415 - likewise

    try:
        own = x509.load_pem_x509_certificates(certificates)[0].public_key()
        private = serialization.load_pem_private_key(key, password=None)
    except (ValueError, TypeError) as error:
        raise SigningFailed(
            f"Expected certificates and a key without a password, both PEM: {error}."
        ) from error
    if private.public_key() != own:
        raise SigningFailed(
            "The key does not belong to the first certificate. Put your own certificate first, then its CA."
        )
    if isinstance(private, rsa.RSAPrivateKey):
        return "PS256"
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ED25519"
    curves = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in curves:
        return curves[private.curve.name]
    raise SigningFailed(
        "Expected a key of ECDSA (P-256, P-384, P-521), RSA or Ed25519, got another one."
    )
