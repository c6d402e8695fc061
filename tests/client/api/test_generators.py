"""Find the generator of a fit by id or name."""

import pytest

from handsoff_client import InvalidInput
from tests.client.conftest import Service, generators


def test_a_generator_is_found_by_id_or_name(service: Service) -> None:
    """An id comes before a name; of two of one name, the one that is ready."""
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
    """Nothing is guessed."""
    service.answers = [generators({"id": "one", "name": "faces"}, {"id": "two", "name": "faces"})]
    with pytest.raises(
        InvalidInput, match=r"2 generators are named 'faces': one, two\. Give an id"
    ):
        service.client().generators.find("faces")


def test_an_unknown_generator_is_answered_with_those_there_are(service: Service) -> None:
    """The newest of them."""
    service.answers = [generators({"id": "portraits-64", "name": "portraits-64"}), generators()]
    find = service.client().generators.find
    with pytest.raises(InvalidInput, match=r"no generator 'x'\. There is: portraits-64\."):
        find("x")
    with pytest.raises(InvalidInput, match="has none yet; upload one"):
        find("x")


@pytest.mark.parametrize(("status", "todo"), [("queued", "handsoff wait g"), ("failed", "again")])
def test_a_generator_that_is_not_ready_is_refused(service: Service, status: str, todo: str) -> None:
    """With what to do."""
    service.answers = [generators({"id": "g", "name": "g", "status": status})]
    with pytest.raises(InvalidInput, match=f"is {status}, not ready for a fit.*{todo}"):
        service.client().generators.find_ready("g")
