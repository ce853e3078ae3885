"""The healthy reranker passes all checks, its two ways of scoring agree, and its ids say what its text says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rerank_guard.checks.prompts._hostile import hostile_titles
from rerank_guard.core.training_change import SavedAdapter, TrainingChange
from rerank_guard.core.types import Item
from rerank_guard.core.verdict import Status
from rerank_guard.faults.healthy import HealthyReranker, make_healthy
from rerank_guard.faults.healthy.prompt import CUE
from rerank_guard.faults.healthy.tokenizer import LETTER_IDS, LETTERS, encode, token_text
from rerank_guard.faults.healthy.world import WORDS, make_world
from rerank_guard.suite import check_reranker


def quiet(done, total, note=""):
    pass


@pytest.fixture(scope="module")
def trained() -> HealthyReranker:
    target = make_healthy()
    target.train(quiet)
    return target


def test_it_passes_every_check():
    report = check_reranker(make_healthy(seed=3))
    assert {verdict.check: verdict.cause for verdict in report.verdicts if not verdict.ok} == {}
    assert report.diagnosis is None
    not_passed = {
        verdict.check: verdict.status for verdict in report.verdicts if verdict.status is not Status.PASSED
    }
    assert not_passed == {
        "recall_ceiling_of_targets": Status.NOT_APPLICABLE,  # each task has one relevant item
        "training_follows_time": Status.NOT_APPLICABLE,  # no user is in both splits
    }


def test_the_plain_forward_pass_gives_the_scores(trained):
    tasks = trained.tasks()[:20]
    prompts = [prompt.token_ids for prompt in trained.scoring_prompts(tasks)]
    for row, logits in zip(trained.score(tasks), trained.next_token_logits(prompts), strict=True):
        np.testing.assert_allclose(logits[list(LETTER_IDS[: len(row)])], row, atol=1e-9)


def test_tasks_of_several_lengths_are_scored_each_by_itself(trained):
    tasks = trained.tasks()[:6]
    cut = [type(task)(task.query_id, task.history, task.candidates[:n], "x", None)
           for n, task in zip((20, 3, 20, 7, 3, 1), tasks, strict=True)]  # fmt: skip
    for task, row in zip(cut, trained.score(cut), strict=True):
        np.testing.assert_allclose(row, trained.score([task])[0], atol=1e-12)
        assert row.shape == (task.n_candidates,)


def test_a_cut_prompt_is_scored_otherwise(trained):
    (prompt,) = trained.scoring_prompts(trained.tasks()[:1])
    whole, no_cue = trained.next_token_logits([prompt.token_ids, prompt.token_ids[:-1]])
    letters = list(LETTER_IDS[:20])
    assert np.corrcoef(whole[letters], no_cue[letters])[0, 1] < 0.9


def test_the_letter_after_the_cue_is_the_one_that_is_scored():
    assert [encode(CUE + letter)[-1] for letter in LETTERS] == list(LETTER_IDS)
    assert all(len(encode(CUE + letter)) == len(encode(CUE)) + 1 for letter in LETTERS)


@pytest.mark.parametrize("text", ["Amber Lantern; N/A\nB. Ümläut <end>", "A. ", " A", "\t\r\n"])
def test_ids_say_what_the_text_says(text):
    pieces = [token_text(token) for token in encode(text)]
    decoded = b"".join(piece.encode("latin-1") if len(piece) == 1 else piece.encode() for piece in pieces)
    assert decoded == text.encode()


def test_titles_cannot_forge_its_prompt(trained):
    task = trained.tasks()[0]
    lines = trained.scoring_prompts([task])[0].text.count("\n")
    for title in hostile_titles():
        forged = type(task)(
            task.query_id, task.history, (Item("x", title), *task.candidates[1:]), "x", 0, task.first_stage_scores
        )
        assert trained.scoring_prompts([forged])[0].text.count("\n") == lines


def test_more_candidates_than_letters_are_refused(trained):
    task = trained.tasks()[0]
    long = type(task)(task.query_id, task.history, task.candidates * 2, task.target_id, task.target_index)
    with pytest.raises(ValueError, match="40 candidates"):
        trained.scoring_prompts([long])


def test_it_learns_and_its_adapter_holds_what_it_learned(trained):
    tasks = trained.tasks()
    positions = [task.target_index for task in tasks]

    def hits(rows):
        return np.mean([(row > row[position]).sum() < 5 for row, position in zip(rows, positions, strict=True)])

    assert hits(trained.score(tasks)) > 0.6
    assert hits(trained.score_without_adapter(tasks)) < 0.4
    assert hits(trained.oracle_proba(tasks)) > hits(trained.score(tasks)), "no model is better than the posterior"


@pytest.mark.parametrize("saved", list(SavedAdapter))
def test_a_broken_adapter_changes_the_scores(trained, saved):
    broken = trained.rebuilt(TrainingChange(saved=saved))
    broken.train(quiet)
    tasks = trained.tasks()[:10]
    assert not np.allclose(broken.score(tasks), trained.score(tasks))


def test_rebuilt_is_fresh_and_trains_to_the_same_weights(trained):
    copy = trained.rebuilt(TrainingChange())
    tasks = trained.tasks()[:10]
    np.testing.assert_array_equal(copy.score(tasks), trained.score_without_adapter(tasks))
    copy.train(quiet)
    np.testing.assert_array_equal(copy.score(tasks), trained.score(tasks))


def test_another_seed_gives_other_tasks_and_weights(trained):
    other = make_healthy(seed=1)
    assert other.tasks() != trained.tasks()
    assert not np.allclose(other.score(trained.tasks()[:5]), trained.score_without_adapter(trained.tasks()[:5]))


def test_the_world_has_each_title_once_and_words_of_one_genre():
    world = make_world()
    titles = [item.text for item in world.items]
    assert len(set(titles)) == len(titles) == 15 * len(WORDS)
    for item in world.items:
        assert set(item.text.split()) <= set(WORDS[world.genre_of[item.item_id]])


def test_the_posterior_is_a_distribution_and_follows_the_history(trained):
    for row in trained.oracle_proba(trained.tasks()[:20]):
        assert row.sum() == pytest.approx(1.0)
        assert (row > 0.0).all()
    task = trained.tasks()[0]
    stranger = type(task)(task.query_id, (Item("unknown", "Unknown"),), task.candidates, task.target_id, None)
    np.testing.assert_allclose(trained.oracle_proba([stranger])[0], 1.0 / 20)


def test_it_needs_neither_torch_nor_pytest():
    code = (
        "import sys; from rerank_guard.faults.healthy import make_healthy; make_healthy(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'pytest')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
