"""Patterns are made of verdicts that runs have, and refuse what no run has."""

from __future__ import annotations

import pytest

from diagnosis.patterns import CHANCE
from diagnosis.recorded_verdicts import has_failed, pattern, verdicts_of
from recorded.compare import family
from rerank_guard.core.fault_catalogue import fault_named
from rerank_guard.core.finding import Affected, Strength, Suspected
from rerank_guard.core.verdict import Status


def verdict_in(verdicts, check):
    (found,) = [verdict for verdict in verdicts if family(verdict.check) == check]
    return found


def test_a_pattern_is_the_healthy_run_but_for_what_is_named():
    healthy = {verdict.check: verdict for verdict in pattern({})}
    missing = next(check for check, verdict in healthy.items() if verdict.status is Status.PASSED)
    changed = {verdict.check: verdict for verdict in pattern(CHANCE, missing=(missing,))}
    assert changed.keys() == healthy.keys()
    other = {family(check) for check in changed if changed[check] != healthy[check]}
    assert other == {missing, *CHANCE}
    assert changed[missing].status is Status.NOT_APPLICABLE


def test_a_failed_verdict_is_that_of_a_run_which_has_the_fault():
    ranking = verdict_in(pattern({"recall_beats_baseline": "baseline-not-beaten"}), "recall_beats_baseline")
    assert ranking == verdict_in(verdicts_of("B1a"), "recall_beats_baseline")


def test_figures_and_shares_are_changed_where_they_are_given():
    verdicts = pattern(
        CHANCE,
        measured={"recall_beats_baseline": {"recall": 0.5}},
        threshold={"recall_beats_baseline": {"chance": 0.4}},
        affected={"recall_beats_baseline": (3, 4)},
    )
    ranking = verdict_in(verdicts, "recall_beats_baseline")
    assert (ranking.measured["recall"], ranking.threshold["chance"]) == (0.5, 0.4)
    assert ranking.affected == Affected(3, 4)
    assert ranking.threshold["effect"] == 0.05


def test_an_outcome_that_no_run_has_needs_a_figure_and_has_the_strength_that_is_given():
    new = {"letter_mass": "wrong-letter-variant"}
    assert not has_failed("letter_mass", "wrong-letter-variant")
    with pytest.raises(LookupError, match="letter_mass"):
        pattern(new)
    figures = {"letter_mass": {"share_of_users_below": 1.0}}
    (suspected,) = verdict_in(pattern(new, measured=figures), "letter_mass").suspects
    assert suspected.strength is Strength.SEEN
    weaker = {"letter_mass": Suspected(fault_named("wrong-letter-variant"), Strength.SYMPTOM)}
    assert verdict_in(pattern(weaker, measured=figures), "letter_mass").suspects == (weaker["letter_mass"],)


@pytest.mark.parametrize(
    ("failed", "figures"),
    [(CHANCE, {"recall_beats_baseline": {"no_such_figure": 1}}), ({"batch_invariant": "no-signal"}, {})],
)
def test_what_no_run_has_is_refused(failed, figures):
    with pytest.raises(LookupError):
        pattern(failed, measured=figures)


def test_a_test_of_a_check_that_is_gone_is_skipped():
    for options in ({"failed": {"no_such_check": "no-signal"}}, {"failed": {}, "inconclusive": ("no_such_check",)}):
        with pytest.raises(pytest.skip.Exception, match="no_such_check"):
            pattern(**options)
