"""Five faults that were published, or shipped, rebuilt from their description, each with what was believed at the time."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from guard.builders import make_tasks, noisy_scores
from rerank_guard.checks.answer_tokens.letter_tokens_found import letter_tokens_found
from rerank_guard.checks.quality.reported_metrics_correct import reported_metrics_correct
from rerank_guard.checks.scoring.probabilities_not_uniform import probabilities_not_uniform
from rerank_guard.checks.training.loss_recorded_per_letter import loss_recorded_per_letter
from rerank_guard.core.types import LetterTable, LetterToken
from rerank_guard.core.verdict import Status
from rerank_guard.faults import TrainedOnce, Wrapped
from rerank_guard.faults.healthy import make_healthy
from rerank_guard.recording.recorder import TraceRecorder
from rerank_guard.suite import check_reranker

TOP = 6


def test_letters_outside_the_top_logprobs_are_dropped_and_appended_in_input_order():
    """A server returns the best log-probabilities only, and the letters outside of them are appended in input order."""
    healthy = TrainedOnce(make_healthy(seed=0))

    def score(tasks):
        rows = []
        for row in healthy.score(tasks):
            kept = np.argsort(-row, kind="stable")[:TOP]
            cut = np.full(len(row), row.min() - 1.0) - 1e-6 * np.arange(len(row))
            cut[kept] = row[kept]
            rows.append(cut)
        return rows

    assert check_reranker(healthy).ok
    report = check_reranker(Wrapped(healthy, score=score))
    assert report.diagnosis is not None
    assert report.diagnosis.fault == "silent-fallback"


def test_a_cut_to_top_k_before_the_rerank_reports_a_set_recall():
    """The list is cut to K, reranked, and Recall@K is computed on it: what the first stage found, for any model."""
    rng = np.random.default_rng(0)
    positions = [int(rng.integers(20)) if rng.random() < 0.7 else None for _ in range(300)]
    tasks = make_tasks(positions, [20] * 300)
    scores = noisy_scores(tasks, rng, signal=1.0)
    set_recall = float(np.mean([position is not None for position in positions]))
    verdict = reported_metrics_correct({"Recall@5": set_recall}, scores, tasks)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "metric-tampered"


@pytest.fixture(scope="module")
def sentence_pieces() -> PreTrainedTokenizerFast:
    """Words carry a mark for the space before them, as in SentencePiece: a text's first word has one too."""
    words = ["<unk>", "Answer:", "\u2581Answer:", "\n", *"AB", "\u2581A", "\u2581B"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="first"),
            pre_tokenizers.Split("\n", "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def test_a_verbalizer_that_encodes_letters_out_of_context(sentence_pieces):
    """`tokenizer(letter, add_special_tokens=False)` gives the id of a letter that begins a text, not of one after a newline."""

    def in_context(letter):
        prompt = sentence_pieces("Answer:\n", add_special_tokens=False)["input_ids"]
        together = sentence_pieces(f"Answer:\n{letter}", add_special_tokens=False)["input_ids"]
        assert together[: len(prompt)] == prompt
        return tuple(together[len(prompt) :])

    def out_of_context(letter):
        return sentence_pieces(letter, add_special_tokens=False)["input_ids"][0]

    wrong = LetterTable(tuple(LetterToken(x, in_context(x), out_of_context(x)) for x in "AB"), unk_token_id=0)
    right = LetterTable(tuple(LetterToken(x, in_context(x), in_context(x)[0]) for x in "AB"), unk_token_id=0)
    tasks = make_tasks([0], [2])
    assert letter_tokens_found(wrong, tasks).fault == "wrong-letter-variant"
    assert letter_tokens_found(right, tasks).status is Status.PASSED


def test_a_loss_that_averages_letter_and_end_of_sequence():
    """At N=50 the letter is at chance, 3.9, the end of sequence is learned, 0.0; the logged mean of 1.95 looks like progress."""
    rng = np.random.default_rng(0)
    recorder = TraceRecorder(planned_steps=200, trainable_parameters=1000)
    for step in range(200):
        letters = rng.normal(np.log(50.0), 0.1, 16)
        ends = np.exp(-step / 20.0) * 5.0
        logged = float((letters + ends).mean() / 2.0)
        recorder.examples([logged] * 16, 50, [f"{step}-{i}" for i in range(16)])
        recorder.step(1e-3, 1.0)
    trace = recorder.finish()
    assert trace.letter_nll[-160:].mean() < 2.0 < np.log(50.0), "the naive check passes it"
    verdict = loss_recorded_per_letter(trace)
    assert verdict.status is Status.FAILED
    assert verdict.fault == "loss-mask-wrong"


@pytest.mark.parametrize("n", [2, 5, 20, 50])
def test_a_near_uniform_test_whose_meaning_changes_with_n(n):
    """`probs.std() > 0.01` lets a nearly flat pair pass; ours asks the same of every N."""
    rng = np.random.default_rng(0)

    def softmax(spread):
        logits = rng.normal(scale=spread, size=(400, n))
        p = np.exp(logits)
        return list(p / p.sum(axis=1, keepdims=True))

    flat, informative = softmax(0.05), softmax(1.5)
    assert probabilities_not_uniform(flat).fault == "no-signal"
    assert probabilities_not_uniform(informative).status is Status.PASSED
    if n == 2:
        assert np.concatenate(flat).std() > 0.01, "the naive check passes it"
    if n == 50:
        assert np.concatenate(softmax(0.45)).std() < 0.01, "and here it fails what has a deficit above one per cent"
