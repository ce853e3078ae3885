"""survives_reload: weights that were lost or applied twice; a reload that is right where score() is not."""

from __future__ import annotations

import numpy as np
import pytest

from guard.adapted import KINDS, adapted
from guard.letter_logits import in_half_precision, lettered, log_softmax
from guard.limits import missed
from rerank_guard.checks.saved_model.survives_reload import survives_reload
from rerank_guard.core.errors import InvalidScoresError, RerankGuardError
from rerank_guard.core.finding import Strength
from rerank_guard.core.types import LetterTable, LetterToken
from rerank_guard.core.verdict import Status


def vocabulary(rows, size=600):
    """Logits over a vocabulary whose ids from 100 on are the letters."""
    logits = []
    for row in rows:
        whole = np.full(size, -20.0)
        whole[100 : 100 + len(row)] = row
        logits.append(whole)
    return logits


@pytest.mark.parametrize(
    ("kind", "with_base"),
    [("logits", True), ("logits", False), ("log-probabilities", False), ("probabilities", True)],
)
def test_equal_and_half_precision_survive(kind, with_base):
    rng = np.random.default_rng(0)
    tasks, scores, base = adapted()
    without = [KINDS[kind](row) for row in base] if with_base else None
    same = [KINDS[kind](row) for row in scores]
    one, other = ([KINDS[kind](row) for row in in_half_precision(scores, rng)] for _ in range(2))
    for before, after in ((same, same), (one, other)):
        verdict = survives_reload(before, after, tasks, without)
        assert verdict.status is Status.PASSED
        assert ("mean_distance_from_base" in verdict.measured) is with_base
        assert (verdict.suspects, verdict.evidence) == ((), ())
        assert missed(verdict) == set()


def test_an_adapter_that_does_nothing_survives():
    tasks, _, base = adapted()
    assert survives_reload(base, base, tasks, base).status is Status.PASSED


@pytest.mark.parametrize("strength", [0.05, 2.0])
def test_lost_weights_are_found_within_the_tolerance_too(strength):
    tasks, scores, base = adapted(strength=strength)
    verdict = survives_reload(scores, base, tasks, base)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "adapter-inactive")
    assert verdict.suspects[0].strength is Strength.SEEN
    assert verdict.measured["mean_distance_from_base"] == 0.0
    assert "mean_distance_from_base" in missed(verdict)
    assert (verdict.affected.n, verdict.affected.of) == (32, 32)
    assert verdict.evidence
    assert survives_reload(scores, base, tasks).status is (Status.PASSED if strength < 1.0 else Status.FAILED)


def test_weights_are_lost_only_where_every_user_moved():
    tasks, scores, base = adapted(strength=0.05)
    assert survives_reload(scores, [scores[0], *base[1:]], tasks, base).status is Status.PASSED


def test_lost_doubled_and_other_scores_have_words_of_their_own():
    tasks, scores, base = adapted()
    twice = [log_softmax(2 * row - b) for row, b in zip(scores, base, strict=True)]
    _, other, _ = adapted(seed=9)
    found = [survives_reload(scores, after, tasks, base) for after in (base, twice, other)]
    assert [verdict.fault for verdict in found] == ["adapter-inactive"] * 3
    assert len({verdict.cause for verdict in found}) == len({verdict.next_step for verdict in found}) == 3
    unknown = survives_reload(scores, base, tasks)
    assert "a part of it was not saved" in unknown.cause, "without the base nothing tells them apart"
    assert "score_without_adapter()" in unknown.next_step


@pytest.mark.parametrize(("n", "with_base"), [(2, True), (20, True), (20, False)])
def test_other_scores_after_loading_fail(n, with_base):
    tasks, scores, base = adapted(n)
    _, other, _ = adapted(n, seed=9)
    verdict = survives_reload(scores, other, tasks, base if with_base else None)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "adapter-inactive")
    assert verdict.measured["users_far_apart"] > 0
    assert {"share_of_users_broken", "users_far_apart"} <= missed(verdict)
    assert verdict.evidence


def a_little_broken(scores, users):
    """The first users' rows with their first two candidates closer by 1.2 nats: beyond rounding, and not far apart."""
    after = [row.copy() for row in scores]
    for row in after[:users]:
        row[:2] += [0.6, -0.6]
    return after


def test_a_tenth_of_the_users_may_be_broken_and_the_share_is_a_setting():
    tasks, _, _ = adapted(2)
    scores = [np.array([0.0, 2.2]) for _ in tasks]
    for users, status in ((3, Status.PASSED), (4, Status.FAILED)):
        after = a_little_broken(scores, users)
        verdict = survives_reload(scores, after, tasks)
        assert verdict.measured["users_far_apart"] == 0
        assert verdict.measured["share_of_users_broken"] == users / 32
        assert verdict.status is status
        assert verdict.affected.n == users
        assert survives_reload(scores, after, tasks, max_share=0.2).status is Status.PASSED
        assert survives_reload(scores, after, tasks, max_share=0.05).status is Status.FAILED


def test_one_user_far_apart_fails_by_ten_times_the_tolerance():
    tasks, _, _ = adapted(2)
    scores = [np.array([0.0, 2.2]) for _ in tasks]
    after = [np.array([0.0, -2.2]), *scores[1:]]
    assert survives_reload(scores, after, tasks).measured["users_far_apart"] == 1
    assert survives_reload(scores, after, tasks).status is Status.FAILED
    one = a_little_broken(scores, 1)  # 0.15 apart
    assert survives_reload(scores, one, tasks, tolerance=0.02).status is Status.PASSED
    assert survives_reload(scores, one, tasks, tolerance=0.01).status is Status.FAILED


def of_two(p):
    """Logits of two candidates, the second one with probability p."""
    return np.array([0.0, np.log(p / (1.0 - p))])


@pytest.mark.parametrize(
    ("after", "tolerance", "far"),
    [(0.69, 0.02, 1), (0.71, 0.02, 0), (0.35, 0.06, 1), (0.45, 0.06, 0)],  # ten times the tolerance, and one half
)
def test_far_apart_is_ten_times_the_tolerance_and_at_most_one_half(after, tolerance, far):
    tasks, _, _ = adapted(2)
    scores = [of_two(0.9) for _ in tasks]
    verdict = survives_reload(scores, [of_two(after), *scores[1:]], tasks, tolerance=tolerance)
    assert verdict.measured["users_far_apart"] == far
    assert verdict.status is (Status.FAILED if far else Status.PASSED)


def test_the_tolerance_is_two_percent():
    tasks, _, _ = adapted(2)
    scores, after = [of_two(0.99) for _ in tasks], [of_two(0.965) for _ in tasks]
    assert survives_reload(scores, after, tasks).status is Status.FAILED
    assert survives_reload(scores, after, tasks, tolerance=0.026).status is Status.PASSED


@pytest.mark.parametrize(("kept", "status"), [(0.15, Status.FAILED), (0.18, Status.PASSED)])
def test_a_weak_adapter_is_lost_within_a_fifth_of_its_distance_from_the_base(kept, status):
    tasks, scores, base = adapted(strength=0.05)
    after = [
        b + kept * (row - b) for row, b in zip(scores, base, strict=True)
    ]  # 0.15 of 0.85 are 0.18, 0.18 of 0.82 0.22
    assert survives_reload(scores, after, tasks, base).status is status


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (0.0, "switched off"),
        (1.0 / 16.0, "another scaling"),
        (0.5, "another scaling"),
        (1.5, "applied twice"),
        (2.0, "applied twice"),
        (2.6, "applied twice"),
        (4.0, "another scaling"),
    ],
)
def test_the_cause_is_what_the_multiple_of_the_change_fits(times, words):
    tasks, scores, base = adapted()
    after = [b + times * (row - b) for row, b in zip(scores, base, strict=True)]
    verdict = survives_reload(scores, after, tasks, base)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "adapter-inactive")
    assert words in verdict.cause
    assert verdict.measured["change_kept"] == pytest.approx(times)
    assert verdict.measured["change_residual"] == pytest.approx(0.0, abs=1e-9)


def test_another_base_is_no_multiple_of_the_change():
    tasks, scores, base = adapted()
    rng = np.random.default_rng(3)
    after = [row + rng.normal(scale=3.0, size=len(row)) for row in scores]
    verdict = survives_reload(scores, after, tasks, base)
    assert "another base model" in verdict.cause
    assert verdict.measured["change_residual"] > 0.5


class TestAgainstTheForwardPass:
    """The model's own logits are known."""

    def test_a_reload_with_just_its_probabilities_is_not_judged(self):
        tasks, scores, base = adapted()
        spoiled = [0.1 * row for row in scores]  # score() has another temperature
        verdict = survives_reload(spoiled, scores, tasks, base, vocabulary(scores), lettered(20))
        assert verdict.status is Status.NOT_APPLICABLE
        assert verdict.measured["share_of_users_broken"] == 1.0
        assert (verdict.suspects, verdict.evidence) == ((), ())
        assert "scores_match_forward_pass" in verdict.next_step
        assert survives_reload(spoiled, scores, tasks, base).status is Status.FAILED

    def test_a_reload_with_its_order_alone_fails(self):
        tasks, scores, base = adapted()
        verdict = survives_reload(
            scores, [2 * row for row in scores], tasks, base, vocabulary(scores), lettered(20)
        )
        assert (verdict.status, verdict.fault) == (Status.FAILED, "adapter-inactive")

    def test_it_is_not_looked_at_where_the_check_passes(self):
        tasks, scores, _ = adapted()
        assert survives_reload(scores, scores, tasks, None, [], lettered(20)).status is Status.PASSED

    @pytest.mark.parametrize(
        ("logits", "letters"),
        [
            (True, None),
            (None, lettered(20)),
            (True, lettered(19)),
            (True, LetterTable(tuple(LetterToken(str(i), () if i == 3 else (100 + i,), None) for i in range(20)))),
        ],
    )
    def test_without_logits_or_a_token_for_each_letter_it_cannot_be_asked(self, logits, letters):
        tasks, scores, base = adapted()
        spoiled = [0.1 * row for row in scores]
        known = vocabulary(scores) if logits else None
        assert survives_reload(spoiled, scores, tasks, base, known, letters).status is Status.FAILED

    def test_logits_that_do_not_hold_every_letter_are_an_error(self):
        tasks, scores, base = adapted()
        spoiled = [0.1 * row for row in scores]
        short = [row[:110] for row in vocabulary(scores)]
        for logits in (short, vocabulary(scores)[1:]):
            with pytest.raises(InvalidScoresError):
                survives_reload(spoiled, scores, tasks, base, logits, lettered(20))


def test_rows_that_do_not_belong_to_the_tasks_and_settings_out_of_range_are_errors():
    tasks, scores, base = adapted()
    with pytest.raises(InvalidScoresError, match="reloaded"):
        survives_reload(scores, scores[:-1], tasks)
    with pytest.raises(InvalidScoresError, match="without the adapter"):
        survives_reload(scores, scores, tasks, base[:-1])
    for settings, words in (({"tolerance": -1}, "tolerance=-1"), ({"max_share": 2}, "max_share=2")):
        with pytest.raises(RerankGuardError, match=words):
            survives_reload(scores, scores, tasks, **settings)
