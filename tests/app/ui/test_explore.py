"""Sheets of a generator on the page: requested once, shown when they are drawn."""

import httpx2
import pytest

from app.ui.pages.sheets import SheetChoice
from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.generators.generator import StoredGenerator
from contracts.generators.sheets import SheetRecord, SheetRef
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobError, JobRef
from state import records
from state.ledger import Ledger
from state.on_demand import paths
from state.on_demand.kinds import SHEETS
from state.on_demand.ledger import OnDemandLedger
from state.store import Store
from tests.app.ui.conftest import words
from tests.app.uploading import png

PAGE = "/ui/generators/tiny-32/explore"
WALK = SheetChoice("walk", 100, 3)


@pytest.fixture
def sheet(generator: StoredGenerator) -> SheetRef:
    """Return the reference of the walk."""
    return SheetRef(
        generator=JobRef(tenant=DEFAULT_TENANT, id=generator.id),
        view=WALK.view,
        truncation_percent=WALK.percent,
        seed=WALK.seed,
        digest=generator.digest[:12],
    )


def test_a_sheet_is_requested_once_and_shown(
    client: httpx2.Client, store: Store, ledger: Ledger, sheet: SheetRef
) -> None:
    """The page asks again until the sheet is drawn, with and without a script. Then it shows the picture."""
    for _ in range(2):
        page = client.get(PAGE + WALK.query)
        assert "A worker draws these samples" in words(page)
        assert 'hx-trigger="load delay:1s"' in page.text
        assert '<noscript><meta http-equiv="refresh"' in page.text
    assert list(OnDemandLedger(ledger).all_claims()) == [SHEETS.item(sheet)]
    assert client.get(f"{PAGE}/picture{WALK.query}").status_code == 404
    data = png("RGB", (8, 3))
    store.put("sheet", data)
    picture = Artefact(key="sheet", sha256=sha256_of(data), num_bytes=len(data))
    records.write(store, paths.sheet_record(sheet), SheetRecord(picture=picture, finished_at=now()))
    part = client.get(f"{PAGE}/sheet{WALK.query}")
    assert "hx-get" not in part.text
    assert "Each row leads from one sample to the next" in words(part)
    assert client.get(f"{PAGE}/picture{WALK.query}").content == data


def test_a_sheet_that_cannot_be_drawn_says_why(
    client: httpx2.Client, ledger: Ledger, sheet: SheetRef
) -> None:
    """The reason of the worker is on the page, which does not ask again."""
    error = JobError(code="input_missing", detail="The weights are gone.", retryable=False)
    OnDemandLedger(ledger).fail(SHEETS.item(sheet), error, SHEETS.failure_ttl)
    page = client.get(PAGE + WALK.query)
    assert "The weights are gone." in words(page)
    assert 'hx-trigger="load' not in page.text


@pytest.mark.parametrize(
    "query",
    ["seed=8", "seed=-1", "truncation=75", "truncation=0", "truncation=110", "view=run"],
)
def test_other_choices_are_refused(client: httpx2.Client, query: str) -> None:
    """422: a generator has a limited number of sheets."""
    assert client.get(f"{PAGE}?{query}").status_code == 422


def test_an_unknown_generator_is_a_page(client: httpx2.Client) -> None:
    """404 without any work for a worker."""
    assert client.get("/ui/generators/nothing/explore").status_code == 404
