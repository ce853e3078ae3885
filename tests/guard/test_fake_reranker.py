"""The fake reranker is a sound one: all gates pass, its two ways of scoring agree, and its ids say what its text says."""

from __future__ import annotations

import numpy as np
import pytest

from guard.fake_reranker import FakeReranker, make
from guard.fake_tokenizer import LETTER_IDS, encode, token_text
from rerank_guard.hostile import hostile_titles
from rerank_guard.suite import check_reranker
from rerank_guard.training_change import SavedAdapter, TrainingChange
from rerank_guard.types import Item
from rerank_guard.verdict import Status


def quiet(done, total, note=""):
    pass


@pytest.fixture(scope="module")
def trained() -> FakeReranker:
    target = make()
    target.train(quiet)
    return target


def test_it_passes_every_gate():
    report = check_reranker(make(seed=3))
    assert {verdict.check: verdict.cause for verdict in report.verdicts if not verdict.ok} == {}
    assert {verdict.check for verdict in report.verdicts if verdict.status is not Status.PASSED} == set()


def test_the_plain_forward_pass_gives_the_scores(trained):
    tasks = trained.tasks()[:20]
    prompts = [prompt.token_ids for prompt in trained.scoring_prompts(tasks)]
    for row, logits in zip(trained.score(tasks), trained.next_token_logits(prompts), strict=True):
        np.testing.assert_allclose(logits[list(LETTER_IDS[: len(row)])], row, atol=1e-9)


def test_a_cut_prompt_is_scored_otherwise(trained):
    (prompt,) = trained.scoring_prompts(trained.tasks()[:1])
    whole, no_cue = trained.next_token_logits([prompt.token_ids, prompt.token_ids[:-1]])
    letters = list(LETTER_IDS[:20])
    assert np.corrcoef(whole[letters], no_cue[letters])[0, 1] < 0.9


@pytest.mark.parametrize("text", ["Amber Lantern; N/A\nB. Ümläut <end>", "A. ", " A", "\t\r\n"])
def test_ids_say_what_the_text_says(text):
    parts = encode(text)
    said = b"".join(
        token_text(token).encode("latin-1") if len(token_text(token)) == 1 else token_text(token).encode()
        for token in parts
    )
    assert said == text.encode()


def test_titles_cannot_forge_its_prompt(trained):
    task = trained.tasks()[0]
    lines = trained.scoring_prompts([task])[0].text.count("\n")
    for title in hostile_titles():
        forged = type(task)(
            task.query_id, task.history, (Item("x", title), *task.candidates[1:]), "x", 0, task.retriever_scores
        )
        assert trained.scoring_prompts([forged])[0].text.count("\n") == lines


def test_it_learns_and_its_adapter_is_what_learned(trained):
    tasks = trained.tasks()
    slots = [task.target_index for task in tasks]

    def hits(rows):
        return np.mean([(row > row[slot]).sum() < 5 for row, slot in zip(rows, slots, strict=True)])

    assert hits(trained.score(tasks)) > 0.6
    assert hits(trained.score_without_adapter(tasks)) < 0.4
    assert hits(trained.oracle_proba(tasks)) > hits(trained.score(tasks)), "nobody beats the world's own truth"


@pytest.mark.parametrize("saved", list(SavedAdapter))
def test_a_spoilt_adapter_changes_the_scores(trained, saved):
    spoilt = trained.rebuilt(TrainingChange(saved=saved))
    spoilt.train(quiet)
    tasks = trained.tasks()[:10]
    assert not np.allclose(spoilt.score(tasks), trained.score(tasks))


def test_rebuilt_is_fresh_and_trains_to_the_same_weights(trained):
    twin = trained.rebuilt(TrainingChange())
    tasks = trained.tasks()[:10]
    np.testing.assert_allclose(twin.score(tasks), trained.score_without_adapter(tasks))
    twin.train(quiet)
    np.testing.assert_allclose(twin.score(tasks), trained.score(tasks))
