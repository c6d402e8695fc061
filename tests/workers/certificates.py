"""A test CA and the certificate of a signer, made in the test. `cryptography` comes with c2pa-python."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Chain:
    """PEM files: the signer's certificate with that of its CA, its key, and the CA alone."""

    certificates: Path
    key: Path
    authority: str


def write_chain(folder: Path, *, usable: bool = True) -> Chain:
    """Write the chain of a new CA. With `usable=False`, the signer's certificate is not for signatures of files."""
    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("Test CA", root, "Test CA", root, is_authority=True)
    leaf = _certificate("Signer", own, "Test CA", root, is_authority=False, usable=usable)
    root_pem = authority.public_bytes(Encoding.PEM)
    chain = Chain(folder / "chain.pem", folder / "key.pem", root_pem.decode())
    chain.certificates.write_bytes(leaf.public_bytes(Encoding.PEM) + root_pem)
    chain.key.write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain


def _name(common: str) -> x509.Name:
    parts = {NameOID.COMMON_NAME: common, NameOID.ORGANIZATION_NAME: "HandsOff tests"}
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts.items()])


def _certificate(
    subject: str, key: Key, issuer: str, signer: Key, *, is_authority: bool, usable: bool = True
) -> x509.Certificate:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if not is_authority:
        purpose = (
            ExtendedKeyUsageOID.EMAIL_PROTECTION if usable else ExtendedKeyUsageOID.CLIENT_AUTH
        )
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(signer, hashes.SHA256())
