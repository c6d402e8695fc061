"""Records of generators: those of earlier versions can be read."""

from contracts.base import now
from contracts.generators.generator import GeneratorRequest
from contracts.ids import DEFAULT_TENANT


def test_a_record_with_the_old_spelling_can_be_read() -> None:
    """`licence` is read as `license`, and written as `license`."""
    new = GeneratorRequest(
        tenant=DEFAULT_TENANT,
        id="faces",
        created_at=now(),
        name="faces",
        license="CC0-1.0",
        source="",
        original=None,
    )
    text = new.model_dump_json()
    assert '"license":"CC0-1.0"' in text
    assert GeneratorRequest.model_validate_json(text.replace("license", "licence")) == new
