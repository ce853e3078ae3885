"""Gates on what the model reads and on what its loss looks at; a tokenizer is all they need."""

from __future__ import annotations

from dataclasses import replace

from rerank_guard.checks.masking import check_only_letter_supervised
from rerank_guard.checks.prompt import (
    check_letter_read_last,
    check_prompt_blind_to_target,
    check_prompt_not_forged,
    check_prompts_match,
)
from rerank_guard.checks.prompt_block import check_prompt_complete
from rerank_guard.prompts import ScoringPrompt
from rerank_guard.suite.asked_again import Ask
from rerank_guard.suite.gates import Gate, Need, Tier
from rerank_guard.suite.session import SuiteSession
from rerank_guard.target import KnowsLetters, ShowsScoringPrompts, ShowsTrainingPrompts
from rerank_guard.verdict import Status, Verdict

__all__ = ["PROMPT_GATES"]

_SCORING = Need(ShowsScoringPrompts, "scoring_prompts(tasks)")
_TRAINING = Need(ShowsTrainingPrompts, "training_prompts(tasks)")
_LETTERS = Need(KnowsLetters, "letter_table()")


def _prompts_match(session: SuiteSession) -> Verdict:
    """Of training tasks and held-out tasks together, those with a target to train on."""
    asked = session.asked_again
    of_held_out = [
        prompt
        for prompt, task in zip(asked.scoring_prompts(), asked.tasks(), strict=True)
        if task.target_index is not None
    ]
    return check_prompts_match(
        [*asked.training_prompts(), *asked.trained_prompts()], [*of_held_out, *asked.trained_as_scored()]
    )


def _blind_to_target(session: SuiteSession) -> Verdict:
    """Of the scoring prompts; where these are blind, of the training prompts too."""
    asked = session.asked_again
    verdict = check_prompt_blind_to_target(asked.scoring_prompts(), asked.moved_prompts(), asked.tasks())
    if verdict.measured["changed_with_the_target"] and (other := _changes_by_itself(session, verdict)):
        return other
    trained_prompts, moved = asked.known_trained_prompts()
    if verdict.status is not Status.PASSED or not trained_prompts:
        return verdict
    trained = [task for task in asked.trained_tasks() if task.target_index is not None]
    of_training = check_prompt_blind_to_target(trained_prompts, moved, trained)
    return verdict if of_training.status is Status.PASSED else of_training


def _changes_by_itself(session: SuiteSession, verdict: Verdict) -> Verdict | None:
    """The verdict where the builder gives another prompt for the very same tasks: then the target need not be why."""
    asked = session.asked_again
    pairs = list(zip(asked.scoring_prompts(), asked.prompts_again(), strict=True))
    changed = [one.query_id for one, other in pairs if one.token_ids != other.token_ids]
    if not changed:
        return None
    return replace(
        verdict,
        evidence=(
            f"{len(changed)} of {len(pairs)} prompts differ when they are built again, such as that of {changed[0]!r}",
        ),
        cause="The prompt builder gives another prompt for the same task when it is asked again: it draws at random, or keeps "
        "something of the prompt before.",
        next_step="Build each prompt from its task alone: no shared buffer, no shuffle, and any draw from a generator that is "
        "seeded by the task.",
        fault="nondeterministic",
    )


def _supervised(session: SuiteSession) -> Verdict:
    asked = session.asked_again
    tasks = [task for task in asked.trained_tasks() if task.target_index is not None]
    return check_only_letter_supervised(asked.trained_prompts(), tasks, session.letter_table())


def _reference(session: SuiteSession) -> ScoringPrompt:
    return session.asked_again.short_prompt()


PROMPT_GATES = (
    Gate(
        family="prompt_complete",
        k=None,
        tier=Tier.STATIC,
        claim="every candidate stands in the prompt after its own letter, and the answer's cue at its end",
        needs=(_SCORING, _LETTERS),
        inputs=(Ask("scoring_prompts"), Ask("short_prompt")),
        check=lambda session: check_prompt_complete(
            session.asked_again.scoring_prompts(),
            session.asked_again.tasks(),
            session.letter_table(),
            _reference(session),
        ),
    ),
    Gate(
        family="letter_read_last",
        k=None,
        tier=Tier.STATIC,
        claim="the letter is read behind the prompt's last token",
        needs=(_SCORING,),
        inputs=(Ask("scoring_prompts"),),
        check=lambda session: check_letter_read_last(session.asked_again.scoring_prompts()),
    ),
    Gate(
        family="prompts_match",
        k=None,
        tier=Tier.STATIC,
        claim="the prompt that is scored is the one trained on, token by token up to the letter",
        needs=(_SCORING, _TRAINING),
        inputs=(
            Ask("scoring_prompts"),
            Ask("training_prompts"),
            Ask("trained_prompts"),
            Ask("trained_as_scored"),
        ),
        check=_prompts_match,
    ),
    Gate(
        family="prompt_blind_to_target",
        k=None,
        tier=Tier.STATIC,
        claim="the prompt does not depend on which candidate is the target",
        needs=(_SCORING,),
        inputs=(Ask("scoring_prompts"), Ask("moved_prompts"), Ask("known_trained_prompts")),
        check=_blind_to_target,
    ),
    Gate(
        family="prompt_not_forged",
        k=None,
        tier=Tier.STATIC,
        claim="no title can forge a letter, a line or a turn of the prompt",
        needs=(_SCORING, _LETTERS),
        inputs=(Ask("hostile_outcomes"), Ask("harmless_prompts")),
        check=lambda session: check_prompt_not_forged(
            session.asked_again.hostile_outcomes(),
            session.asked_again.hostile(),
            session.letter_table(),
            harmless=session.asked_again.harmless_prompts(),
        ),
    ),
    Gate(
        family="only_letter_supervised",
        k=None,
        tier=Tier.STATIC,
        claim="the loss looks at the target's letter, and at nothing else",
        needs=(_TRAINING, _LETTERS),
        inputs=(Ask("trained_prompts"),),
        check=_supervised,
    ),
)
