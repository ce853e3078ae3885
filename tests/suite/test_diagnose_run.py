"""The diagnosis of a run: the scores are read otherwise where something is not ok, they are there, and nothing says why."""

from __future__ import annotations

import numpy as np
import pytest

from diagnosis.patterns import CHANCE, MINIMAL, bare
from diagnosis.recorded_verdicts import pattern
from guard.builders import noisy_scores, random_tasks
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.scoring import POSITION_PRIOR, SCORES_NOT_FROM_MODEL
from rerank_guard.diagnosis import diagnose
from rerank_guard.suite.diagnose import diagnose_run
from rerank_guard.suite.settings import RunSettings
from rerank_guard.suite.suite_run import SuiteRun
from suite.asked_reranker import Asked

AT_CHANCE = pattern(CHANCE, only=MINIMAL)
FORWARD = "scores_match_forward_pass"


class Negated(Asked):
    """Good scores with the sign flipped."""

    def tasks(self):
        self.note("tasks")
        return random_tasks(np.random.default_rng(0), [10] * 150)

    def score(self, tasks):
        self.note("score")
        return [-row for row in noisy_scores(tasks, np.random.default_rng(1), 3.0)]


class Malformed(Negated):
    def score(self, tasks):
        return ["high" for _ in tasks]


def scored(reranker, cutoffs=(1, 3)):
    run = SuiteRun(reranker, RunSettings(cutoffs))
    run.inputs.get("raw_scores")
    return run


def test_a_misreading_of_the_scores_is_found():
    diagnosis = diagnose_run(scored(Negated()), AT_CHANCE)
    assert diagnosis.fault == "reversed"
    assert "Recall@3" in diagnosis.cause, "at the largest cutoff"


def test_nothing_is_scored_for_the_diagnosis():
    reranker = Negated()
    run = SuiteRun(reranker)
    assert diagnose_run(run, AT_CHANCE) == diagnose(AT_CHANCE)
    assert reranker.calls["score"] == 0
    assert diagnose_run(None, AT_CHANCE) == diagnose(AT_CHANCE)


def test_where_all_is_ok_the_scores_are_not_read_otherwise():
    reranker = Negated()
    run = scored(reranker)
    assert diagnose_run(run, pattern({}, only=MINIMAL)) is None
    assert reranker.calls["score"] == 1
    assert run.inputs.made("scores") is None


@pytest.mark.parametrize(
    ("suspected", "fault"),
    [
        (LABEL_OFFSET, "label-offset"),  # it has found what gives just these scores
        (SCORES_NOT_FROM_MODEL, "scores-not-from-model"),
        (POSITION_PRIOR, "position-prior"),
    ],
)
def test_a_comparison_with_the_forward_pass_that_failed_leaves_nothing_to_ask(suspected, fault):
    verdicts = [verdict for verdict in AT_CHANCE if verdict.check != FORWARD]
    diagnosis = diagnose_run(scored(Negated()), [*verdicts, bare(FORWARD, suspected)])
    named = {diagnosis.fault, diagnosis.runner_up and diagnosis.runner_up.fault}
    assert fault in named
    assert "reversed" not in named, "a probe does not overrule the comparison"


def test_malformed_scores_are_what_a_verdict_has_said_already():
    assert diagnose_run(scored(Malformed()), AT_CHANCE) == diagnose(AT_CHANCE)
