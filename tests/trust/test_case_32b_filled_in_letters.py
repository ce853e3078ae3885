"""Case 32: a value that is filled in for one letter is a silent fallback, and no other token's logit."""

from __future__ import annotations

import numpy as np
import pytest

from guard.letter_logits import SPACED, in_half_precision, letters_of, log_softmax, world
from rerank_guard.checks.comparing.probability_rows import letter_probabilities
from rerank_guard.checks.scoring.scores_match_forward_pass import scores_match_forward_pass
from rerank_guard.core.finding import Strength
from rerank_guard.core.verdict import Status
from trust.judged_variants import judge as judged
from trust.judged_variants import trained

KINDS = {
    "logits": lambda row: row,
    "log-probabilities": log_softmax,
    "probabilities": letter_probabilities,
}
STATISTICS = {"smallest": np.min, "mean": np.mean, "median": np.median}


def judge(scores, made):
    tasks, prompts, logits, letters = made
    verdict = scores_match_forward_pass(scores, logits, prompts, tasks, letters)
    assert verdict.status is Status.FAILED
    return verdict


def put(row, places, value):
    row = row.copy()
    row[[place for place in places if place < len(row)]] = value
    return row


def filled(row, places, statistic):
    return put(row, places, statistic(np.delete(row, [place for place in places if place < len(row)])))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [6, [8, 13, 20, 26] * 8], ids=["6", "ragged"])
@pytest.mark.parametrize("value", [0.0, -100.0, 1e-6, 3.0])
@pytest.mark.parametrize("places", [[3], [1, 5]], ids=str)
def test_a_constant_after_the_normalisation(kind, n, value, places):
    made = world(32, n)
    rows = [put(KINDS[kind](row), places, value) for row in letters_of(made[2], made[0])]
    verdict = judge(rows, made)
    assert verdict.fault == "silent-fallback"
    assert verdict.suspects[0].strength is Strength.SEEN


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [6, [8, 13, 20, 26] * 8], ids=["6", "ragged"])
@pytest.mark.parametrize("value", [0.0, 1e-6, 9.0])
@pytest.mark.parametrize("places", [[3], [1, 4]], ids=str)
def test_a_constant_before_the_normalisation(kind, n, value, places):
    made = world(32, n)
    rows = [KINDS[kind](put(row, places, value)) for row in letters_of(made[2], made[0])]
    assert judge(rows, made).fault == "silent-fallback"
    made = world(32, n, seed=1)
    rows = in_half_precision(letters_of(made[2], made[0]), np.random.default_rng(0))
    assert judge([KINDS[kind](put(row, places, value)) for row in rows], made).fault == "silent-fallback"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.parametrize("places", [[3], [1, 4]], ids=str)
def test_a_statistic_of_the_row(kind, name, places):
    made = world(32, 20)
    rows = letters_of(made[2], made[0])
    after = [filled(KINDS[kind](row), places, STATISTICS[name]) for row in rows]
    before = [KINDS[kind](filled(row, places, STATISTICS[name])) for row in rows]
    assert [judge(each, made).fault for each in (after, before)] == ["silent-fallback"] * 2


def test_a_constant_for_a_part_of_the_users_or_for_changing_letters():
    made = world(40, 20)
    rng = np.random.default_rng(0)
    rows = letters_of(made[2], made[0])
    some = [put(row, [4], 20.0) if user % 3 == 0 else row for user, row in enumerate(rows)]
    changing = [put(row, [int(rng.integers(20))], 20.0) for row in rows]
    assert [judge(each, made).fault for each in (some, changing)] == ["silent-fallback"] * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_noise_for_one_letter_is_no_tokens_logit(kind, spread):
    made = world(32, 20)
    rng = np.random.default_rng(3)
    rows = [KINDS[kind](put(row, [4], rng.normal(scale=spread))) for row in letters_of(made[2], made[0])]
    verdict = judge(rows, made)
    assert verdict.fault == "scores-not-from-model"
    assert verdict.suspects[0].strength is Strength.SYMPTOM


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [6, 20])
@pytest.mark.parametrize("places", [[4], [1, 5], None], ids=str)
@pytest.mark.parametrize("half", [False, True])
def test_letters_that_are_read_at_another_variant_are_still_named(kind, n, places, half):
    made = world(32, n)
    rows = letters_of(made[2], made[0])
    for row, whole in zip(rows, made[2], strict=True):
        chosen = np.arange(n) if places is None else np.array(places)
        row[chosen] = whole[100 + SPACED + chosen]
    if half:
        rows = in_half_precision(rows, np.random.default_rng(0))
    assert judge([KINDS[kind](row) for row in rows], made).fault == "wrong-letter-variant"


@pytest.mark.parametrize("name", STATISTICS)
def test_the_packaged_reranker_with_one_letter_filled_in(name):
    def score(tasks):
        return [filled(np.asarray(row, dtype=np.float64), [2], STATISTICS[name]) for row in trained().score(tasks)]

    verdict = judged("scores_match_forward_pass", score=score)
    assert (verdict.status, verdict.fault) == (Status.FAILED, "silent-fallback")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sharp", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("change", ["float16", "noise", "floor", "clipped", "two decimals"])
def test_healthy_scores_with_values_that_recur_pass(kind, sharp, change):
    changes = {
        "float16": lambda row: row.astype(np.float16).astype(np.float64),
        "noise": lambda row: in_half_precision([row], np.random.default_rng(int(1e6 * abs(row[0]))))[0],
        "floor": lambda row: np.maximum(row, np.sort(row)[1]),
        "clipped": lambda row: np.minimum(row, np.sort(row)[-2]),
        "two decimals": lambda row: row.round(2),
    }
    tasks, prompts, logits, letters = world(32, 20, sharp=sharp)
    before = [KINDS[kind](changes[change](row)) for row in letters_of(logits, tasks)]
    assert scores_match_forward_pass(before, logits, prompts, tasks, letters).status is Status.PASSED
