"""XMP packets are read as editors rewrite them, and cannot harm their reader."""

import pytest

from handsoff_client import InvalidInput, Provenance
from handsoff_shards.provenance.xmp import encode_packet, parse_packet
from tests.client.conftest import provenance_of

AS_ELEMENTS = """<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/' x:xmptk='Image::ExifTool 13.10'>
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
 <rdf:Description rdf:about='' xmlns:h='urn:handsoff:provenance:1#'>
  <h:attempt>0</h:attempt><h:fit>fit_0192f0c1a2b37c0080e5a1b2c3d4e5f6</h:fit>
  <h:fitDigest>{digest}</h:fitDigest><h:index>3</h:index><h:seed>7</h:seed>
 </rdf:Description>
 <rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'>
  <dc:creator><rdf:Seq><rdf:li>A person</rdf:li></rdf:Seq></dc:creator>
 </rdf:Description>
</rdf:RDF></x:xmpmeta>
<?xpacket end='w'?>"""


def test_properties_may_be_elements() -> None:
    """Editors write each property as an element, with prefixes of its choice. A list is no simple property."""
    packet = AS_ELEMENTS.format(digest="ab" * 32).encode()
    assert Provenance.parse(packet) == provenance_of(3)
    assert not any(name.endswith("creator") for name in parse_packet(packet))


def test_any_text_is_read_as_written() -> None:
    """Quotes, angle brackets and other alphabets."""
    text = "\"a\" <b> 'c' & \N{CJK UNIFIED IDEOGRAPH-4E2D}"
    assert parse_packet(encode_packet({"a": "urn:a#"}, {"a:b": text}))["urn:a#b"] == text


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>', "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type"),
        (b"<x", "invalid XML"),
        (b"", "invalid XML"),
        (b"\xff\xfe<x/>", "invalid XML"),
        (b"<x>" * 30_000, "at most 65502 bytes"),
    ],
)
def test_a_hostile_packet_is_refused(packet: bytes, message: str) -> None:
    """Entities that grow or read files, text that is no XML, and packets without an end."""
    with pytest.raises(InvalidInput, match=message):
        parse_packet(packet)
