"""Signed images are verified by the library's own reader; a wrong set-up is reported before an export needs it."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from handsoff_shards.provenance.record import SOURCE_TYPE
from handsoff_shards.samples import decode_sample
from tests.client.conftest import provenance_of
from workers.codecs.content_credentials import ImageSigner, SigningFailed, open_signer
from workers.codecs.images import encode_image

c2pa = pytest.importorskip("c2pa")
certificates = pytest.importorskip("tests.workers.certificates")

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Paths:
    """The settings of signing."""

    c2pa_certificates: Path | None = None
    c2pa_key: Path | None = None
    c2pa_timestamp_url: str | None = None


@pytest.fixture
def chain(tmp_path: Path) -> Any:
    """Return the certificate of a test CA."""
    return certificates.write_chain(tmp_path)


def signer_of(chain: Any) -> ImageSigner:
    """Return the signer of a chain."""
    signer = open_signer(Paths(chain.certificates, chain.key))
    assert signer is not None
    return signer


def read(kind: str, data: bytes, authority: str) -> tuple[str, dict[str, Any]]:
    """Return validation state and manifest, as a reader that trusts only this CA sees them."""
    trust = {"trust": {"trust_anchors": authority}, "verify": {"verify_trust": True}}
    with (
        c2pa.Context.from_dict(trust) as context,
        c2pa.Reader(kind, io.BytesIO(data), context=context) as reader,
    ):
        return reader.get_validation_state(), reader.get_active_manifest()


def pixels_of(data: bytes) -> NDArray[Any]:
    """Return the pixels of a picture."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


@pytest.mark.parametrize(("name", "kind"), [("0.png", "image/png"), ("0.jpg", "image/jpeg")])
def test_a_signed_image_is_verified(chain: Any, name: str, kind: str) -> None:
    """The signature is trusted, the action says that a model created the image, and pixels and XMP are as before."""
    plain = encode_image(
        PIXELS, "png" if name.endswith("png") else "jpeg", provenance_of(3).packet()
    )
    signed = signer_of(chain).sign(name, plain)
    state, manifest = read(kind, signed, chain.authority)
    assert state == "Trusted"
    [action] = manifest["assertions"][0]["data"]["actions"]
    assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", SOURCE_TYPE)
    np.testing.assert_array_equal(pixels_of(signed), pixels_of(plain))
    assert decode_sample({name[2:]: signed}).provenance == provenance_of(3)


def test_a_changed_image_is_invalid(chain: Any) -> None:
    """The signature covers the bytes of the file; nobody else's trust list has the test CA."""
    signed = signer_of(chain).sign("0.png", encode_image(PIXELS))
    place = signed.rindex(b"IDAT") + 20
    changed = signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :]
    assert read("image/png", changed, chain.authority)[0] == "Invalid"


def test_the_check_accepts_a_usable_certificate(chain: Any) -> None:
    """A worker runs it when it starts."""
    signer_of(chain).check()


def test_without_a_key_nothing_is_signed() -> None:
    """Signing is the operator's choice."""
    assert open_signer(Paths()) is None


def test_a_wrong_set_up_is_reported(chain: Any, tmp_path: Path) -> None:
    """A missing half, a missing file, a key of another certificate, no PEM, or a certificate of another purpose."""
    (tmp_path / "other").mkdir()
    other = certificates.write_chain(tmp_path / "other", usable=False)
    text = tmp_path / "text"
    text.write_text("no key")
    for paths, message in (
        (Paths(chain.certificates), "Set HANDSOFF_C2PA_KEY too"),
        (Paths(None, chain.key), "Set HANDSOFF_C2PA_CERTIFICATES too"),
        (Paths(chain.certificates, tmp_path / "absent"), "absent' cannot be read"),
        (Paths(chain.certificates, other.key), "does not belong to the first certificate"),
        (Paths(chain.certificates, text), "both PEM"),
    ):
        with pytest.raises(SigningFailed, match=message):
            open_signer(paths)
    with pytest.raises(SigningFailed):
        signer_of(other).check()


def test_a_time_stamp_needs_its_service(chain: Any) -> None:
    """No answer is an error: a signature without the requested time stamp would look complete."""
    paths = Paths(chain.certificates, chain.key, "http://127.0.0.1:1/tsa")
    signer = open_signer(paths)
    assert signer is not None
    with pytest.raises(SigningFailed, match="cannot be signed"):
        signer.sign("0.png", encode_image(PIXELS))


def test_a_manifest_is_small(chain: Any) -> None:
    """It has no thumbnail: 64 px images would double."""
    plain = encode_image(PIXELS)
    assert len(signer_of(chain).sign("0.png", plain)) - len(plain) < 5_000
    assert (
        b"thumbnail"
        not in json.dumps(
            read("image/png", signer_of(chain).sign("0.png", plain), chain.authority)[1]
        ).encode()
    )
