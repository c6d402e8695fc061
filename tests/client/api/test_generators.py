"""Find the generator of a fit by id or name."""

import pytest

from handsoff_client import InvalidInput
from tests.client.conftest import Service, generators


def test_a_generator_is_found_by_id_or_name(service: Service) -> None:
    """An id takes precedence over a name. Of two generators with one name, the ready one is returned."""
    listed = [
        {"id": "generator_1", "name": "faces"},
        {"id": "generator_2", "name": "faces", "status": "failed"},
        {"id": "faces-64", "name": "generator_1"},
    ]
    service.answers = [generators(*map(dict, listed)) for _ in range(3)]
    find = service.client().generators.find
    assert find("faces").id == "generator_1"
    assert find("generator_1").id == "generator_1"
    assert find("generator_2").status == "failed"


def test_an_ambiguous_name_lists_the_ids(service: Service) -> None:
    """The client does not guess."""
    service.answers = [generators({"id": "one", "name": "faces"}, {"id": "two", "name": "faces"})]
    with pytest.raises(
        InvalidInput, match=r"2 generators have the name 'faces': one, two\. Give an id"
    ):
        service.client().generators.find("faces")


def test_an_unknown_generator_lists_the_available_ones(service: Service) -> None:
    """The newest are listed first."""
    service.answers = [generators({"id": "portraits-64", "name": "portraits-64"}), generators()]
    find = service.client().generators.find
    with pytest.raises(InvalidInput, match=r"no generator 'x'\. Available: portraits-64\."):
        find("x")
    with pytest.raises(InvalidInput, match="The service has no generators"):
        find("x")


@pytest.mark.parametrize(("status", "advice"), [("queued", "handsoff wait g"), ("failed", "again")])
def test_a_generator_that_is_not_ready_is_refused(
    service: Service, status: str, advice: str
) -> None:
    """The message says what to do."""
    service.answers = [generators({"id": "g", "name": "g", "status": status})]
    with pytest.raises(InvalidInput, match=f"is {status}, not ready for a fit.*{advice}"):
        service.client().generators.find_ready("g")
