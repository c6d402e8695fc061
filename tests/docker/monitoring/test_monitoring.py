"""The dashboard and the alert rules use names that the app and a worker export, and say what to do."""

import re
from collections import Counter
from collections.abc import Mapping

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.main import create_app
from contracts.base import now
from contracts.heartbeats import Heartbeat
from contracts.jobs import TERMINAL_STATUSES
from contracts.kinds import KINDS, QUEUE_NAMES
from state.ledger import Ledger
from state.process.metrics import REGISTRY
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving
from tests.docker.composition import OWN_SERVICES
from tests.docker.dockerfiles import REPOSITORY
from tests.docker.monitoring.exported import Labels, exported
from tests.docker.monitoring.expressions import Use, result_labels, uses_of
from tests.docker.monitoring.files import Query, panels, queries, rows, rules, scrapes
from tests.test_links import anchors

JOBS = {scrape["job_name"] for scrape in scrapes()}
OF_PROMETHEUS = frozenset(
    {"job", "instance"}
    | {rule["target_label"] for scrape in scrapes() for rule in scrape["relabel_configs"]}
)
"""The labels that Prometheus adds to every sample, with the example's configuration."""
LEGEND = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")


@pytest.fixture(scope="module")
def labels(redis_url: str) -> Labels:
    """Return the labels of each name that Prometheus has of a running service."""
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"})
    services = create_app(settings, Store.in_memory()).state.services
    of_service = {name: own | OF_PROMETHEUS for name, own in exported(services).items()}
    return {**of_service, "up": OF_PROMETHEUS}


def flaws_of(query: Query, labels: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the flaws in the names of an expression and of its text."""
    uses = uses_of(query.expression)
    unknown = [f"metric {use.metric}" for use in uses if use.metric not in labels]
    if unknown or not uses:
        return unknown or ["no metric"]
    flaws = [
        f"label {label} of {use.metric}"
        for use in uses
        for label in sorted(use.labels - labels[use.metric])
    ]
    named = set(LEGEND.findall(query.text))
    flaws += [f"label {one} of the text" for one in named - result_labels(query.expression, labels)]
    return flaws + [flaw for use in uses for flaw in _foreign_values(use)]


def _foreign_values(use: Use) -> list[str]:
    """Return values that a label never has: of queues, kinds, statuses of jobs, and scrape jobs."""
    known: dict[str, set[str]] = {
        "queue": set(QUEUE_NAMES),
        "kind": {kind.name for kind in KINDS},
        "job": JOBS,
    }
    if use.metric == "handsoff_jobs_total":
        known["status"] = {status.value for status in TERMINAL_STATUSES}
    return [
        f"value {value} of {label}"
        for label, operator, text in use.matchers
        for value in (text.split("|") if "~" in operator else [text])
        if label in known and value not in known[label]
    ]


def test_every_name_is_exported(labels: Labels) -> None:
    """A wrong metric, label or value in the dashboard or in a rule shows nothing and never alerts."""
    flaws = {f"{query.place}: {query.expression}": flaws_of(query, labels) for query in queries()}
    assert {place: found for place, found in flaws.items() if found} == {}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("max by (queue) (handsoff_queue_wait)", ""),
        ("max by (pool) (handsoff_queue_waiting)", ""),
        ('handsoff_queue_waiting{pool="fit"}', ""),
        ('handsoff_queue_waiting{queue="fits"}', ""),
        ('handsoff_jobs_total{status=~"failed|lost"}', ""),
        ('up{job="handsoff"}', ""),
        ("rate(handsoff_stage_seconds_total[5m])", ""),
        ("histogram_quantile(0.9, sum by (le) (rate(handsoff_stage_seconds_sum[5m])))", ""),
        ("handsoff_workers unless on (kind) handsoff_queue_waiting", ""),
        ("sum by (state) (handsoff_workers)", "{{queue}}"),
        ("sum(handsoff_workers)", "{{ $labels.queue }}"),
        ("vector(1)", ""),
    ],
    ids=[
        "metric", "group", "matcher", "queue", "status", "scrape job", "suffix", "bucket", "on",
        "legend", "alert label", "none",
    ],
)  # fmt: skip
def test_a_wrong_name_is_reported(labels: Labels, expression: str, text: str) -> None:
    """The check can fail."""
    assert flaws_of(Query("here", expression, text), labels)


@pytest.mark.parametrize(
    "expression",
    ["sum(handsoff_workers) by (queue)", "sum without (queue) (handsoff_workers)", "max by (a) (b"],
    ids=["group behind", "without", "open parenthesis"],
)
def test_an_unknown_form_is_an_error(expression: str) -> None:
    """What the reader does not understand must not pass."""
    with pytest.raises(ValueError, match=r"expected groups|not closed"):
        list(uses_of(expression))


def test_the_checked_names_are_published(
    labels: Labels, settings: Settings, ledger: Ledger
) -> None:
    """Each published sample has the labels that the check expects, so a renamed metric fails."""
    beat = Heartbeat(worker="a", queue="fit", state="idle", at=now(), device="cpu")
    ledger.record_heartbeat(beat)
    with serving(create_app(settings, Store.in_memory())) as client:
        client.get("/v1/fits")
        text = client.get("/metrics").text
    text_of_worker = generate_latest(REGISTRY).decode()
    samples = [
        sample
        for page in (text, text_of_worker)
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    ]
    assert {"handsoff_workers", "handsoff_http_request_seconds_bucket"} <= {
        one.name for one in samples
    }
    assert [one for one in samples if set(one.labels) != labels[one.name] - OF_PROMETHEUS] == []


def test_every_figure_is_on_the_dashboard(labels: Labels) -> None:
    """A new metric gets a panel."""
    shown = {
        use.metric
        for panel in panels()
        for target in panel["targets"]
        for use in uses_of(target["expr"])
    }
    figures = {re.sub("_(bucket|count|sum|created)$", "", name) for name in labels}
    missing = [
        name
        for name in figures
        if name.startswith("handsoff_")
        and not any(one.startswith(name.removesuffix("_total")) for one in shown)
    ]
    assert missing == []


def test_panels_have_a_title_a_unit_and_a_source() -> None:
    """They are readable without the expression, and no two have the same place or title."""
    assert all(panel["title"] and panel["description"] for panel in panels())
    assert all(panel["fieldConfig"]["defaults"]["unit"] for panel in panels())
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels())
    titles = Counter(panel["title"] for panel in panels())
    assert max(titles.values()) == 1
    assert len(rows()) == 7


def test_panels_do_not_overlap() -> None:
    """Each cell of the grid of 24 columns belongs to one panel at most."""
    cells = Counter(
        (x, y)
        for grid in (panel["gridPos"] for panel in panels())
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    )
    assert max(cells.values()) == 1
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize("place", [rule["alert"] for rule in rules()])
def test_an_alert_says_what_to_do(place: str) -> None:
    """It waits a minute or more, has a severity, short sentences, and a section that names the alert."""
    (rule,) = [one for one in rules() if one["alert"] == place]
    notes = rule["annotations"]
    assert re.fullmatch(r"[1-9]\d*m", rule["for"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    for text in (notes["summary"], notes["action"]):
        assert text.endswith(".")
        assert all(len(sentence.split()) <= 20 for sentence in text.split(". "))
    page, _, anchor = notes["runbook"].partition("#")
    assert anchor in anchors(REPOSITORY / page)
    assert f"`{place}`" in (REPOSITORY / page).read_text()


def test_the_example_scrapes_every_service() -> None:
    """The names and ports are those of Compose, and only the app gets the key."""
    names = [
        name for scrape in scrapes() for one in scrape["dns_sd_configs"] for name in one["names"]
    ]
    assert sorted(names) == sorted(OWN_SERVICES)
    assert [scrape["job_name"] for scrape in scrapes() if "authorization" in scrape] == [
        "handsoff-app"
    ]
