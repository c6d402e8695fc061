"""Check the names of a fit's options before an upload."""

from typing import Any

import httpx2
import pytest

from handsoff_client import InvalidInput
from handsoff_client.cli.options import check_option_names
from tests.client.conftest import Service, problem

SCHEMAS: dict[str, Any] = {
    "FitCreate": {"properties": {"options": {"$ref": "#/components/schemas/FitOptions"}}},
    "FitOptions": {
        "properties": {
            "estimate": {"type": "boolean"},
            "ensemble": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Ensemble"}]},
        }
    },
    "Ensemble": {"properties": {"steps": {"type": "integer"}}},
}


def check(service: Service, answer: httpx2.Response, options: dict[str, Any]) -> None:
    """Check options with an answer for the document."""
    service.answers = [answer]
    check_option_names(service.client().transport, options)


@pytest.mark.parametrize("options", [{"ensemble": "paper"}, {"ensemble": {"steps": 5}}])
def test_options_of_the_document_pass(service: Service, options: dict[str, Any]) -> None:
    """A field may have several schemas."""
    check(service, httpx2.Response(200, json={"components": {"schemas": SCHEMAS}}), options)


def test_an_unknown_option_lists_the_known_ones(service: Service) -> None:
    """Their names are dotted, as on the command line."""
    answer = httpx2.Response(200, json={"components": {"schemas": SCHEMAS}})
    with pytest.raises(
        InvalidInput, match=r"Expected an option of ensemble\.steps, got 'ensemble\.size'"
    ):
        check(service, answer, {"ensemble": {"size": 5}})


@pytest.mark.parametrize(
    "answer", [problem(404, "not_found"), httpx2.Response(200, json=[]), httpx2.Response(200)]
)
def test_a_missing_document_skips_the_check(service: Service, answer: httpx2.Response) -> None:
    """A proxy may forward only the API."""
    check(service, answer, {"nonsense": 1})
