"""Case 15: lists of other lengths than in training are named for that, also where the ranking looks like a stale checkpoint."""

from __future__ import annotations

import pytest

from rerank_guard.core.diagnosis import Certainty
from rerank_guard.faults import Wrapped, injector
from rerank_guard.suite import RunSettings, check_reranker
from trust.judged_variants import trained


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("severity", [0.7, 1.0])
def test_shorter_lists_are_named(severity: float, seed: int) -> None:
    report = check_reranker(injector("D15").broken(trained(), severity=severity, seed=seed))
    assert report.diagnosis is not None
    assert (report.diagnosis.fault, report.diagnosis.certainty) == ("train-test-mismatch", Certainty.SEEN)


def test_a_ranking_that_suffers_is_explained_by_them() -> None:
    stale = injector("S7").broken(trained(), seed=0)
    report = check_reranker(injector("D15").broken(stale, seed=0), RunSettings(continue_after_failure=True))
    assert report.diagnosis is not None
    assert report.diagnosis.fault == "train-test-mismatch"
    assert any(check.startswith("recall_beats_baseline") for check in report.diagnosis.explains)


def test_they_do_not_stop_the_job() -> None:
    report = check_reranker(injector("D15").broken(trained(), seed=0))
    assert report.subject.training is not None


def test_a_reranker_that_reads_one_candidate_at_a_time_is_not_judged_by_them() -> None:
    broken = injector("D15").broken(trained(), seed=0)
    alone = Wrapped(_ScoreOnly(broken))
    report = check_reranker(alone)
    assert report.ok
    assert "list_lengths_match" not in {verdict.check for verdict in report.problems}


class _ScoreOnly:
    """The tasks, the training tasks and the scores of another reranker, without its letters."""

    def __init__(self, target) -> None:
        self.name = "score only"
        self.cutoffs = (5,)
        self.tasks, self.training_tasks, self.score = target.tasks, target.training_tasks, target.score
