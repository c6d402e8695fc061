"""Runs an evaluation: a fit and held-out real pairs in, a report with a verdict out. The job of the queue `evaluate`.

Every attempt continues after the units that earlier ones have finished. The manifest is written last.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.evaluations.evaluation import (
    CURVE_ARMS,
    UNTRAINED_ARMS,
    EvaluationManifest,
    EvaluationMetrics,
    EvaluationRequest,
    EvaluationUnit,
    OwnImages,
)
from contracts.evaluations.networks import network_name
from contracts.evaluations.report import ArmName, EvaluationReport
from contracts.jobs import JobRef, JobStatus
from models.tasks.task_set import TaskSet
from state import keys
from state.settings import Settings
from workers.codecs.task import codecs_of
from workers.evaluating.direct import score_directly
from workers.evaluating.gathering import RealPairs, as_training_pairs, generate_pairs
from workers.evaluating.html import render_html
from workers.evaluating.labelled import heldout_warnings, read_labelled, read_own_images
from workers.evaluating.networks.backbones import describe_features, open_features
from workers.evaluating.networks.smp_networks import describe_network, open_network
from workers.evaluating.plots import plot_files
from workers.evaluating.reporting import build_report
from workers.evaluating.scoring import ImageScores
from workers.evaluating.units import Materials, Trainer, UnitKeeper
from workers.fitting.downstream import network_px
from workers.rendering.label_generators import read_fit
from workers.runtime import jobs
from workers.runtime.artefacts import write_artefact
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine

MEDIA_TYPES = {
    ".html": "text/html",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}

Scores = dict[tuple[ArmName, int], list[ImageScores]]


def run(machine: Machine, argument: str, attempt: int) -> None:
    """Run the evaluation that `argument` names."""
    jobs.perform(machine, JobRef.parse(argument), attempt, _evaluate)


def _evaluate(run: Run) -> EvaluationManifest:
    request = run.read_request(EvaluationRequest)
    keeper = UnitKeeper(run)
    _run_units(run, request, keeper)
    run.report_progress("reporting", 0, 1)
    own = read_own_images(run)
    report = build_report(
        _read_scores(request, keeper, own),
        request.labels,
        seed=request.seed,
        network=network_name(request.options.network),
        warnings=[*_warnings(request), *heldout_warnings(own)],
    )
    files = _write_files(run, report, request)
    return EvaluationManifest(
        status=JobStatus.SUCCEEDED,
        started_at=run.started_at,
        finished_at=now(),
        report=report,
        files=files,
        metrics=EvaluationMetrics(
            stage_seconds={stage: round(took, 3) for stage, took in run.stage_seconds.items()}
        ),
    )


def _run_units(run: Run, request: EvaluationRequest, keeper: UnitKeeper) -> None:
    """Run the units that no earlier attempt has finished, in order."""
    missing = [unit for unit in request.units if not keeper.has(unit)]
    if not missing:
        return
    real = RealPairs.of(run, request)
    materials = _gather(run, request, real, missing)
    trainer = Trainer(run, request, keeper=keeper, materials=materials, missing=missing)
    for unit in missing:
        if unit.arm in UNTRAINED_ARMS:
            heldout, tasks = materials.heldout, materials.tasks
            keeper.save(unit, score_directly(run, request, real, heldout, tasks))
        else:
            trainer.train(unit)


def _warnings(request: EvaluationRequest) -> Iterator[str]:
    """Yield the warnings of the request, without few images and few trainings: the report itself warns of these."""
    for one in request.warnings:
        if one.code == "training_images_unknown":
            yield one.detail


def _read_scores(request: EvaluationRequest, keeper: UnitKeeper, own: OwnImages | None) -> Scores:
    """Return the scores of all units by arm and number of the fit's pairs, in the order of the seeds."""
    counts: dict[ArmName, int] = {"labelled": own.num_images} if own else {}
    scores: Scores = defaultdict(list)
    for unit in request.units:
        count = unit.num_synthetic or counts.get(unit.arm, 0)
        scores[unit.arm, count].append(keeper.read(unit))
    return scores


def _gather(
    run: Run, request: EvaluationRequest, real: RealPairs, missing: Sequence[EvaluationUnit]
) -> Materials:
    """Return what the missing units need. What fails is read first, before hours of training."""
    arms = {unit.arm for unit in missing}
    machine, settings = run.machine, run.machine.settings
    fit, _ = read_fit(machine, request.tenant, request.fit)
    px = network_px((fit.generator.height_px, fit.generator.width_px))
    features = open_features(machine.loader, settings, px) if "frozen" in arms else None
    trained = arms - {"frozen", *UNTRAINED_ARMS}
    build = open_network(settings, request.options.network) if trained else None
    run.report_progress("reading", 0, 1)
    oracle = request.oracle_labelset if "oracle" in arms else None
    codecs = codecs_of(machine.tasks, request.labels)
    heldout = as_training_pairs(real.read(request.heldout_labelset, px))
    labeling = request.labeling if "labelled" in arms else None
    return Materials(
        tasks=TaskSet(*(codec.task(request.labels) for codec in codecs)),
        heldout=heldout,
        labelled=read_labelled(run, request, labeling, heldout) if labeling else None,
        real=as_training_pairs(real.read(request.labelset, px)),
        oracle=as_training_pairs(real.read(oracle, px)) if oracle else None,
        synthetic=generate_pairs(run, request, px) if arms & set(CURVE_ARMS) else None,
        build=build,
        features=features,
    )


def _write_files(
    run: Run, report: EvaluationReport, request: EvaluationRequest
) -> Mapping[str, Artefact]:
    """Store the report as JSON and HTML, and its pictures, by name."""
    settings = run.machine.settings
    title = request.name or f"Evaluation of {request.fit.id}"
    contents = {
        "report.json": json.dumps(report.model_dump(mode="json"), indent=1).encode(),
        "report.html": render_html(report, title=title, facts=_facts(request, settings)).encode(),
        **plot_files(report),
    }
    run.check_cancelled()
    return {
        name: write_artefact(
            run.machine.store,
            keys.evaluation_file(run.ref, sha256_of(data), name),
            data,
            MEDIA_TYPES[Path(name).suffix],
        )
        for name, data in contents.items()
    }


def _facts(request: EvaluationRequest, settings: Settings) -> dict[str, str]:
    """Return what the report rests on, for people."""
    options = request.options
    facts = {
        "fit": request.fit.id,
        "real pairs": request.labelset.id,
        "held-out pairs": request.heldout_labelset.id,
        "network": describe_network(options.network),
        "steps of a training": f"{options.steps:,}",
        "truncation": f"{options.truncation:g}",
    }
    if request.oracle_labelset is not None:
        facts["all real pairs"] = request.oracle_labelset.id
    if request.labeling is not None:
        facts["own images, labelled by the fit"] = request.labeling.id
    if "frozen" in options.arms:
        facts["frozen network"] = describe_features(settings)
    if options.filter is not None:
        facts["most uncertain images dropped"] = f"{options.filter.drop_share:.0%}"
    return facts
