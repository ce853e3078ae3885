"""Every run that is recorded, and what is kept of its report. The only module here that touches the product."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from recorded.compare import ANY_OF
from recorded.wording import words_of
from rerank_guard.adapters.callable import CallableTarget, CallableTargetWithPopularity
from rerank_guard.core.diagnosis import Diagnosis
from rerank_guard.core.errors import RerankGuardError
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.report import Report
from rerank_guard.core.types import Item, RankingTask
from rerank_guard.core.verdict import Verdict
from rerank_guard.faults import Injector, TrainedOnce, Wrapped, all_equivalents, all_injectors
from rerank_guard.faults.healthy.reranker import N_CANDIDATES, HealthyReranker, make_healthy
from rerank_guard.stored import StoredRun
from rerank_guard.suite import RunSettings, SuiteRun, check_reranker

SEED = 0
KEPT_GOING = "-kept-going"
HEALTHY = "healthy"

TIMED_FAULTS = {"B3"}
TIMED_CHECKS = {"no_slowdown"}

FAULTS = {fault.id: fault for fault in all_injectors() if fault.id not in TIMED_FAULTS}
EQUIVALENTS = {f"equivalent-{each.name}": each for each in all_equivalents()}

FAKES = [
    "not_all_offered",
    "planned_too_short",
    "prompt_tells_the_target",
    "adapter_lost",
    "flattered",
    "letters_shifted",
    "sign_flipped",
    "history_shuffled",
    "minimal",
    "undecided",
    "worse",
    "takes_no_monitor",
    "loss_at_chance",
    "letter_prior_learned",
    "synthetic_scores_malformed",
    "queries_alike",
    "newest_better",
    "popularity_better",
    "popularity_by_number",
    "padded_probabilities",
    "fewer_probabilities",
    "first_stage_for_half",
    "position_follower",
    "candidates_twice",
    "uniform_probabilities",
    "uniform_scores",
    "leak",
    "nan_scores",
    "wrong_shape",
    "score_gives_none",
    "score_gives_text",
    "vacuous_cutoff",
    "one_candidate",
    "no_tasks",
]
"""Factories of `tests/plugin/fake_targets.py`: the healthy reranker with one change each, and minimal ones."""


@dataclass(frozen=True)
class Run:
    """One call of `check_reranker`.

    Attributes:
        base: the run whose record this one is stored as a difference from; None is stored whole.
        target: makes the reranker.
        options: of `check_reranker`, besides the seed.
        first: the run of the same reranker that stops before training. Where it did not stop, this one is the same.
    """

    base: str | None
    target: Callable[[], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    first: str | None = None


def all_runs() -> dict[str, dict[str, Run]]:
    """File name to run id to run, all that need numpy only."""
    variants = {f"healthy-{name}": run for name, run in _variants().items()}
    equivalents = {
        name: Run(HEALTHY, lambda each=each: each.apply(_trained(), np.random.default_rng(SEED)))
        for name, each in EQUIVALENTS.items()
    }
    small = {f"small-{name}": Run(HEALTHY, partial(_fake, name)) for name in FAKES}
    return {
        "healthy": {HEALTHY: Run(None, _trained), **variants, **equivalents},
        "small": small,
        "faults": {zoo_id: _of_fault(fault) for zoo_id, fault in FAULTS.items()},
        "kept_going": {
            f"{zoo_id}{KEPT_GOING}": _of_fault(fault, continue_after_failure=True)
            for zoo_id, fault in FAULTS.items()
        },
    }


def embedded_run() -> dict[str, Run]:
    """The reranker that is judged when none is named; needs torch."""
    from rerank_model.targets.embedded import make_target

    return {"embedded": Run(None, partial(make_target, SEED, "cpu"))}


def families() -> frozenset[str]:
    """Names of all checks of the suite, without their cutoffs."""
    return frozenset(
        planned.family
        for reference in (None, _stored())
        for planned in SuiteRun(_trained(), RunSettings(reference=reference)).planned()
    )


def record(run: Run) -> dict[str, Any]:
    """Judge, and keep what a restructuring must not change. Floats are exact here; they are rounded when written."""
    options = dict(run.options)
    if options.pop("stored", False):
        options["reference"] = _stored()
    kept: dict[str, Any] = {
        "continue_after_failure": bool(options.get("continue_after_failure", False)),
        "raised": None,
        "errors": [],
        "verdicts": {},
        "diagnosis": None,
        "words": {},
    }
    try:
        report = check_reranker(run.target(), RunSettings(seed=SEED, **options))
    except RerankGuardError as error:
        return kept | {"raised": type(error).__name__}
    return kept | kept_of(report)


def kept_of(report: Report) -> dict[str, Any]:
    """What is kept of a report."""
    diagnosis = report.diagnosis
    return {
        "errors": [error.check for error in report.errors],
        "verdicts": {verdict.check: _kept(verdict) for verdict in report.verdicts},
        "words": words_of(report),
        "diagnosis": None
        if diagnosis is None
        else {
            "fault": diagnosis.fault,
            "certainty": str(diagnosis.certainty),
            "explains": list(diagnosis.explains),
            "runner_up": _runner_up(diagnosis),
            "alternatives": [row.partition(":")[0] for row in diagnosis.alternatives],
        },
    }


def _runner_up(diagnosis: Diagnosis) -> str | None:
    """Its fault. Where no check points at it, it is the first by stage of a set: of equal stages, all are named."""
    suspect = diagnosis.runner_up
    if suspect is None or suspect.check:
        return suspect and suspect.fault
    stage = fault_named(suspect.fault).stage
    equal = [name for name in fault_named(diagnosis.fault).confused_with if fault_named(name).stage == stage]
    return ANY_OF.join(sorted(equal))


def _kept(verdict: Verdict) -> dict[str, Any]:
    figures = not any(verdict.check.startswith(timed) for timed in TIMED_CHECKS)
    interval = verdict.interval
    return {
        "status": str(verdict.status),
        "fault": verdict.fault,
        "suspects": [[suspect.fault.name, suspect.strength.name.lower()] for suspect in verdict.suspects],
        "affected": [] if verdict.affected is None else [int(verdict.affected.n), int(verdict.affected.of)],
        "n": int(verdict.n) if figures else None,
        "p_failed": _plain(verdict.p_failed) if figures else None,
        "measured": {name: _plain(value) for name, value in verdict.measured.items()} if figures else {},
        "threshold": {name: _plain(value) for name, value in verdict.threshold.items()} if figures else {},
        "interval": {end: _plain(getattr(interval, end)) for end in ("low", "high", "level")}
        if figures and interval is not None
        else {},
        "evidence": len(verdict.evidence),
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


# ---- the rerankers


@cache
def _trained() -> TrainedOnce:
    """The numpy reranker without a fault, trained."""
    target = TrainedOnce(make_healthy(seed=SEED))
    target.train(_quiet)
    return target


@cache
def _stored() -> StoredRun:
    return SuiteRun(_trained(), RunSettings(seed=SEED)).as_reference("2026-01-01", timed=False)


def _of_fault(fault: Injector, *, continue_after_failure: bool = False) -> Run:
    options = {"continue_after_failure": continue_after_failure, "stored": fault.needs_reference}
    first = fault.id if continue_after_failure else None
    return Run(HEALTHY, lambda: fault.broken(_trained(), seed=SEED), options, first)


def _fake(factory: str) -> Any:
    folder = str(Path(__file__).parents[1] / "plugin")
    if folder not in sys.path:
        sys.path.append(folder)
    return getattr(importlib.import_module("fake_targets"), factory)()


def _variants() -> dict[str, Run]:
    """Nothing is wrong with any of these, whatever the suite says of them."""

    def spread(factor: float) -> Wrapped:
        rows = partial(_changed, lambda row: factor * row)
        return Wrapped(
            _trained(), score=rows, score_synthetic=rows, predict_proba=partial(_changed, _softmax, factor)
        )

    scoring = ("tasks", "score")
    without_job = [name for name in _METHODS if name not in _OF_THE_JOB]
    runs = {f"seed-{seed}": Run(HEALTHY, partial(make_healthy, seed)) for seed in (1, 2, 3)}
    return runs | {
        "several-cutoffs": Run(HEALTHY, _trained, {"cutoffs": (1, 5, 10)}),
        "early-stop": Run(HEALTHY, partial(make_healthy, SEED), {"early_stop": True}),
        "with-stored-run": Run(HEALTHY, _trained, {"stored": True}),
        "few-users": Run(HEALTHY, partial(HealthyReranker, SEED, n_test=30)),
        "fewer-users": Run(HEALTHY, partial(HealthyReranker, SEED, n_test=120)),
        "ragged": Run(HEALTHY, partial(Ragged, SEED)),
        "score-only": Run(HEALTHY, lambda: Only(scoring)),
        "sigmoid-score-only": Run(HEALTHY, lambda: Only(scoring, score=partial(_changed, _sigmoid))),
        "score-and-probabilities": Run(HEALTHY, lambda: Only((*scoring, "predict_proba", "score_synthetic"))),
        "score-and-job": Run(HEALTHY, lambda: Only((*scoring, "train", "training_plan", "training_tasks"))),
        "without-job": Run(HEALTHY, lambda: Only(without_job)),
        "without-prompts": Run(HEALTHY, lambda: Only([name for name in _METHODS if name not in _OF_PROMPTS])),
        "float32": Run(HEALTHY, lambda: Wrapped(_trained(), score=partial(_changed, np.float32))),
        "temperature-half": Run(HEALTHY, partial(spread, 2.0)),
        "temperature-two": Run(HEALTHY, partial(spread, 0.5)),
        "callable": Run(HEALTHY, lambda: CallableTarget(_score_texts, _trained().tasks())),
        "callable-with-popularity": Run(
            HEALTHY,
            lambda: CallableTargetWithPopularity(
                _score_texts, _trained().tasks(), popularity=_trained().item_popularity()
            ),
        ),
    }


_OF_THE_JOB = {"train", "train_one_batch", "rebuilt", "training_plan", "parameter_changes", "training_prompts"}
_OF_PROMPTS = {"letter_table", "scoring_prompts", "training_prompts", "next_token_logits"}
_METHODS = [name for name in dir(HealthyReranker) if not name.startswith("_")]


class Only:
    """The trained numpy reranker with some of its methods."""

    def __init__(self, methods: Sequence[str], **replaced: Callable[..., Any]) -> None:
        self.name = "healthy reranker"
        vars(self).update({name: getattr(_trained(), name) for name in methods} | replaced)


class Ragged(HealthyReranker):
    """Between 8 and 20 candidates a user, in training (where the first list is the shortest) and held out."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        rng = np.random.default_rng(7000 + seed)
        self._test = tuple(_shortened(task, int(rng.integers(8, N_CANDIDATES + 1)), rng) for task in self._test)

    def training_tasks(self) -> Sequence[RankingTask]:
        first, *others = super().training_tasks()
        return (_shortened(first, 8, np.random.default_rng(7000)), *others)


def _shortened(task: RankingTask, n: int, rng: np.random.Generator) -> RankingTask:
    others = [place for place in range(task.n_candidates) if place != task.target_index]
    kept = sorted([task.target_index, *rng.choice(others, n - 1, replace=False).tolist()])
    candidates = tuple(task.candidates[place] for place in kept)
    return RankingTask(task.query_id, task.history, candidates, task.target_id, kept.index(task.target_index))


def _changed(change: Callable[..., Any], *args: Any) -> list[Any]:
    *settings, tasks = args
    return [change(row, *settings) for row in _trained().score_synthetic(tasks)]


def _softmax(row: np.ndarray, factor: float) -> np.ndarray:
    odds = np.exp(factor * (row - row.max()))
    return odds / odds.sum()


def _sigmoid(row: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-row))


def _score_texts(history: Sequence[str], candidates: Sequence[str]) -> np.ndarray:
    seen, listed = (tuple(Item(text, text) for text in texts) for texts in (history, candidates))
    return _trained().score_synthetic([RankingTask("texts", seen, listed, listed[0].item_id, None)])[0]


def _quiet(done: int, total: int, note: str = "") -> None:
    pass
