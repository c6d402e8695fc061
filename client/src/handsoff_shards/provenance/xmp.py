"""XMP packets: the properties of a picture as XML (ISO 16684-1), written and read.

A packet from a file is untrusted: it is bounded, and a document type, which could define entities, is refused.
"""

from collections.abc import Mapping
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from handsoff_shards.errors import InvalidInput

MAX_PACKET_BYTES = 65_502
"""The room in a JPEG segment. Larger packets are not parsed; one of this service has less than 1 KB."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_HEAD = '<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_TAIL = '<?xpacket end="r"?>'
_DESCRIPTION = RDF + "Description"


def encode_packet(namespaces: Mapping[str, str], properties: Mapping[str, str]) -> bytes:
    """Return a read-only packet. `namespaces` is by prefix; properties are named `prefix:name`."""
    declared = [f"xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in namespaces.items()]
    values = [f"{name}={quoteattr(value)}" for name, value in properties.items()]
    attributes = " ".join(['rdf:about=""', *declared, *values])
    return (
        f'{_HEAD}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f"<rdf:Description {attributes}/></rdf:RDF></x:xmpmeta>{_TAIL}"
    ).encode()


def parse_packet(packet: bytes) -> dict[str, str]:
    """Return the simple properties of a packet by namespace and name in one string, as XMP compares them.

    A property is an attribute of a description or an element in it, because editors rewrite one as the other.
    Raises `InvalidInput` for a packet that is too large, has a document type, or is no XML.
    """
    if len(packet) > MAX_PACKET_BYTES:
        raise InvalidInput(
            f"Expected an XMP packet of at most {MAX_PACKET_BYTES} bytes, got {len(packet)}."
        )
    reader = _Reader()
    try:
        reader.read(packet)
    except expat.ExpatError as error:
        raise InvalidInput(f"Expected an XMP packet, got invalid XML: {error}.") from error
    return reader.properties


class _Reader:
    """Collects the properties of descriptions. Structures and lists are skipped."""

    def __init__(self) -> None:
        self.properties: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []

    def read(self, packet: bytes) -> None:
        parser = expat.ParserCreate("utf-8", namespace_separator="")
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.Parse(packet.strip(b"\0"), True)

    def _refuse(self, name: str, *_: object) -> None:
        raise InvalidInput(
            f"Expected an XMP packet without a document type, got <!DOCTYPE {name}>."
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == _DESCRIPTION:
            self.properties |= attributes
        self._path.append(name)
        self._text.clear()

    def _end(self, name: str) -> None:
        self._path.pop()
        text = "".join(self._text).strip()
        if text and self._path[-1:] == [_DESCRIPTION]:
            self.properties[name] = text
        self._text.clear()
