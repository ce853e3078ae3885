"""The scores against a plain forward pass; where they differ, what else would give them is looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rerank_guard.checks._reference_readings import letter_ids, letter_rows
from rerank_guard.checks.adapter import check_survives_reload
from rerank_guard.checks.explain import probability_rows
from rerank_guard.checks.reference import check_scores_match_reference
from rerank_guard.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.suite.once import if_offered
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import ForwardsTokens, KnowsLetters, ShowsScoringPrompts, ShowsTrainingPrompts
from rerank_guard.types import FloatArray, RankingTask
from rerank_guard.verdict import Status, Verdict

__all__ = ["judge_against_reference", "judge_reload"]

_EARLIER = (1, 2, 3)
"""Positions before the right one at which the logits may have been read."""

_UNEXPLAINED = frozenset({None, "scores-not-from-model", "position-prior"})
"""What the scores' own shape leaves open: a prompt without its history too gives every user the same."""

_MUCH_NEARER = 0.2
_FEW_SWAPPED = 0.02

_LONGEST_CUT = 12
"""History lengths that are tried, from none on."""


@dataclass(frozen=True, slots=True)
class _OtherPrompt:
    """A prompt that the scores may be of, though another one is shown."""

    fault: str
    words: str
    token_ids: list[tuple[int, ...]]


def judge_against_reference(session: SuiteSession) -> Verdict:
    """`check_scores_match_reference`; further forward passes are made only where it fails."""
    asked = session.asked_again
    prompts = asked.scoring_prompts()
    verdict = _held_against(session, asked.scores(), asked.reference_logits(), None)
    if verdict.status is not Status.FAILED:
        return verdict
    shortest = min(len(prompt.token_ids) for prompt in prompts)
    verdict = _held_against(
        session,
        asked.scores(),
        asked.reference_logits(),
        {
            -offset: asked.forward([prompt.token_ids[:-offset] for prompt in prompts])
            for offset in _EARLIER
            if offset < shortest
        },
    )
    if verdict.fault not in _UNEXPLAINED:
        return verdict
    for other in _other_prompts(session):
        same = _held_against(session, asked.scores(), asked.forward(other.token_ids), None)
        if same.status is Status.PASSED and _much_nearer(same, verdict):
            return replace(
                verdict,
                fault=other.fault,
                cause=f"The scores are those of {other.words}, not of the prompt that scoring_prompts() shows.",
                next_step="Score and show by one and the same prompt builder, and train by it too.",
            )
    return verdict


def judge_reload(session: SuiteSession) -> Verdict:
    """`check_survives_reload`; where it fails, the reload is held against the model's own forward pass.

    What has just its probabilities was saved and loaded well: then score() has another scale than the reload, or is not the
    model's. The same order is not enough: an adapter of twice the strength ranks much as one of the right strength does.
    """
    asked = session.asked_again
    verdict = check_survives_reload(
        asked.again(), asked.reloaded(), asked.tasks(), without=asked.known_without_adapter()
    )
    needed = (ForwardsTokens, ShowsScoringPrompts, KnowsLetters)
    if verdict.status is not Status.FAILED or not all(isinstance(session.target, one) for one in needed):
        return verdict
    if not _reload_is_the_forward_pass(session):
        return verdict
    return replace(
        verdict,
        status=Status.NOT_APPLICABLE,
        evidence=(),
        fault=None,
        cause="the reloaded reranker scores as the trained model's plain forward pass does; score() has another scale, or is "
        "not the model's",
        next_step="nothing where scores_match_reference has passed; else mend score() first, as it says",
    )


def _much_nearer(other: Verdict, shown: Verdict) -> bool:
    """Whether the scores are the other prompt's beyond doubt: flat ones are near to many, as a barely trained model's are."""
    nearer = float(other.measured["mean_distance"] or 0.0) <= _MUCH_NEARER * float(
        shown.measured["mean_distance"] or 0.0
    )
    same_order = float(other.measured["mean_discordant_share"] or 0.0) <= _FEW_SWAPPED
    return nearer and same_order


def _reload_is_the_forward_pass(session: SuiteSession) -> bool:
    asked = session.asked_again
    tasks = asked.tasks()
    lengths = [task.n_candidates for task in tasks]
    ids = letter_ids(session.letter_table(), max(lengths))
    if ids is None:
        return False
    plain = probability_rows(letter_rows(asked.reference_logits(), ids, lengths))[0]
    reloaded = probability_rows(asked.reloaded())[0]
    return check_survives_reload(plain, reloaded, tasks).status is Status.PASSED


def _held_against(
    session: SuiteSession,
    scores: Sequence[FloatArray],
    logits: Sequence[FloatArray],
    earlier: dict[int, list[FloatArray]] | None,
) -> Verdict:
    asked = session.asked_again
    return check_scores_match_reference(
        scores, logits, asked.scoring_prompts(), asked.tasks(), session.letter_table(), earlier=earlier
    )


def _other_prompts(session: SuiteSession) -> Iterator[_OtherPrompt]:
    """From the likeliest on; only those that differ from what is shown."""
    asked = session.asked_again
    shown = [prompt.token_ids for prompt in asked.scoring_prompts()]
    tasks = asked.tasks()
    if isinstance(session.target, ShowsTrainingPrompts) and all(task.target_index is not None for task in tasks):
        trained: list[TrainingPrompt] | None = if_offered(asked.training_prompts, None)
        if trained is not None:
            yield from _if_other(
                "prompt-skew", "the prompt as it is trained on", shown, [p.before_answer for p in trained]
            )
    made_up: tuple[tuple[str, str, list[RankingTask]], ...] = (
        ("history-ignored", "a prompt without the history", [replace(task, history=()) for task in tasks]),
        *(
            (
                "prompt-skew",
                f"a prompt with the last {kept} of the history alone",
                [replace(task, history=task.history[-kept:]) for task in tasks],
            )
            for kept in range(1, min(_LONGEST_CUT, max(len(task.history) for task in tasks)))
        ),
        (
            "letter-candidate-mismatch",
            "a prompt whose candidates are listed the other way round",
            [replace(task, candidates=task.candidates[::-1]) for task in tasks],
        ),
        (
            "rows-misaligned",
            "a prompt with another user's history",
            [replace(task, history=tasks[i - 1].history) for i, task in enumerate(tasks)],
        ),
    )
    for fault, words, changed in made_up:
        prompts: list[ScoringPrompt] | None = asked.shown_of(changed)
        if prompts is not None:
            yield from _if_other(fault, words, shown, [prompt.token_ids for prompt in prompts])


def _if_other(
    fault: str, words: str, shown: list[tuple[int, ...]], token_ids: list[tuple[int, ...]]
) -> Iterator[_OtherPrompt]:
    if len(token_ids) == len(shown) and token_ids != shown:
        yield _OtherPrompt(fault, words, token_ids)
