"""The guard's adapter for other people's letter rerankers, compared with our own scoring and with broken variants."""

from __future__ import annotations

import numpy as np
import pytest

from rerank_guard.adapters.transformers import LetterRerankerTarget, TrainableLetterRerankerTarget
from rerank_guard.checks.answer_tokens.letter_tokens_found import letter_tokens_found
from rerank_guard.core.errors import TargetError
from rerank_guard.core.target import KnowsLetters, PredictsProba, RerankTarget, Trains
from rerank_guard.suite import RunSettings, check_reranker
from rerank_model.prompt.prompt import LETTERS


@pytest.fixture
def parts(base_reranker, few_tasks):
    frame = base_reranker.encoder.frame
    return {
        "model": base_reranker.scorer.model,
        "tokenizer": base_reranker.tokenizer,
        "tasks": few_tasks,
        "build_prompt": lambda task: frame.text(task.history, task.candidates),
        "letters": LETTERS[:12],
    }


def test_it_scores_as_the_reranker_does(parts, base_reranker, few_tasks):
    target = LetterRerankerTarget(**parts)
    np.testing.assert_allclose(target.score(few_tasks), base_reranker.score_tasks(few_tasks), atol=2e-4)
    for row in target.predict_proba(few_tasks):
        assert row.sum() == pytest.approx(1.0)


def test_it_offers_what_the_suite_asks_for(parts):
    target = LetterRerankerTarget(**parts)
    assert isinstance(target, RerankTarget)
    assert isinstance(target, KnowsLetters)
    assert isinstance(target, PredictsProba)
    assert not isinstance(target, Trains)
    assert isinstance(TrainableLetterRerankerTarget(**parts, train=lambda progress: None), Trains)


def test_healthy_letters_pass(parts):
    verdict = letter_tokens_found(LetterRerankerTarget(**parts).letter_table(), parts["tasks"])
    assert verdict.status == "passed"


def test_published_mistake_letters_encoded_out_of_context(parts):
    """Ids of " A" read where the answer is "A": the label encoded alone, with the space that it has in the list."""
    spaced = [parts["tokenizer"](f" {letter}", add_special_tokens=False)["input_ids"][0] for letter in LETTERS[:12]]
    table = LetterRerankerTarget(**parts, letter_token_ids=spaced).letter_table()
    verdict = letter_tokens_found(table, parts["tasks"])
    assert verdict.status == "failed"
    assert verdict.fault == "wrong-letter-variant"


def test_too_few_letters_are_named_before_any_scoring(parts, few_tasks):
    target = LetterRerankerTarget(**parts | {"letters": LETTERS[:9]})
    with pytest.raises(TargetError, match="12 candidates, but only 9 letters"):
        target.score(few_tasks)
    assert letter_tokens_found(target.letter_table(), few_tasks).fault == "letters-exhausted"


def test_bad_arguments(parts):
    with pytest.raises(TargetError, match="no tasks"):
        LetterRerankerTarget(**parts | {"tasks": []})
    with pytest.raises(TargetError, match="12 letters but 1 letter_token_ids"):
        LetterRerankerTarget(**parts, letter_token_ids=[5])


def test_the_suite_runs_on_it(parts):
    report = check_reranker(LetterRerankerTarget(**parts), RunSettings(cutoffs=(3,)))
    statuses = {verdict.check: verdict.status for verdict in report.verdicts}
    assert statuses["gt_in_candidates"] == statuses["letter_tokens_found"] == "passed"
    assert statuses["loss_below_random"] == "not_applicable"
