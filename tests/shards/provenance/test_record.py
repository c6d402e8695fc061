"""Images say that a model made them, and which one; every export keeps this statement."""

import io
from pathlib import Path

import pytest
from PIL import Image

from handsoff_client import BatchFolder, InvalidInput, Provenance, decode_sample, export
from handsoff_shards.formats import FORMATS
from handsoff_shards.provenance.record import IPTC
from handsoff_shards.provenance.xmp import MAX_PACKET_BYTES, encode_packet, parse_packet
from handsoff_shards.reading import is_image
from tests.client.conftest import files_of, png, provenance_of


def stated(data: bytes) -> Provenance | None:
    """Return what a picture states, read by Pillow."""
    with Image.open(io.BytesIO(data)) as image:
        packet = image.info.get("xmp")
    return None if packet is None else Provenance.parse(packet)


def test_a_sample_has_the_provenance_of_its_image() -> None:
    """Fit, digest, seed, index and attempt; an image without a statement has none."""
    sample = decode_sample(files_of(3))
    assert sample.provenance == provenance_of(3)
    plain = png(Image.fromarray(sample.image))
    assert decode_sample(files_of(3) | {"png": plain}).provenance is None


def test_the_source_type_is_that_of_iptc() -> None:
    """Readers look for IPTC's terms: the source type, and the system that made the image."""
    properties = parse_packet(provenance_of(0).packet())
    term = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert properties[f"{IPTC}DigitalSourceType"] == term
    assert properties[f"{IPTC}AISystemUsed"] == "HandsOff"
    assert properties["http://ns.adobe.com/xap/1.0/CreatorTool"] == "HandsOff"


@pytest.mark.parametrize("name", FORMATS)
def test_every_export_keeps_it(name: str, batch_of_14: BatchFolder, tmp_path: Path) -> None:
    """Each image states its provenance, also as JPEG in VOC. No other file of the export does."""
    out = export(batch_of_14, name, tmp_path / name)
    paths = [path for path in out.rglob("*") if path.suffix in (".png", ".jpg")]
    images = {path for path in paths if is_image(path.relative_to(out).as_posix())}
    assert {path.stem: stated(path.read_bytes()) for path in images} == {
        f"{index:09d}": provenance_of(index) for index in range(14)
    }
    assert [path for path in set(paths) - images if stated(path.read_bytes())] == []


def test_a_packet_without_room_in_a_jpeg_is_left_out(
    batch_of_14: BatchFolder, tmp_path: Path
) -> None:
    """Foreign metadata of any size does not break an export to JPEG."""
    folder = export(batch_of_14, "voc", tmp_path / "small")
    assert stated((folder / "JPEGImages/000000000.jpg").read_bytes()) is not None
    huge = encode_packet({"a": "urn:a#"}, {"a:text": "x" * MAX_PACKET_BYTES})
    with pytest.raises(InvalidInput, match="at most 65502 bytes"):
        Provenance.parse(huge)


@pytest.mark.parametrize("value", ["", "seven"])
def test_a_damaged_statement_is_refused(value: str) -> None:
    """The message says what is expected."""
    namespaces = {"handsoff": "urn:handsoff:provenance:1#"}
    packet = encode_packet(namespaces, {"handsoff:fit": "fit_1", "handsoff:seed": value})
    with pytest.raises(InvalidInput, match="Expected fit, fitDigest, seed, index and attempt"):
        Provenance.parse(packet)


def test_foreign_metadata_is_no_statement() -> None:
    """A packet of another tool has no property of this service."""
    packet = encode_packet({"dc": "http://purl.org/dc/elements/1.1/"}, {"dc:format": "image/png"})
    assert Provenance.parse(packet) is None
