"""Faults of the prompts, one record each, most upstream first."""

from __future__ import annotations

from rerank_guard.core.fault import Fault, names
from rerank_guard.core.faults.groups import OTHER_SCORES, POOR_RANKING, POOR_TRAINING
from rerank_guard.core.stage import Stage

__all__ = [
    "LETTER_CANDIDATE_MISMATCH",
    "PROMPTS_UNUSABLE",
    "PROMPT_INJECTION",
    "PROMPT_LEAK",
    "PROMPT_SKEW",
    "PROMPT_TRUNCATED",
]

PROMPT_TRUNCATED = Fault(
    "prompt-truncated",
    Stage.PROMPTS,
    "The prompt is cut to a length: candidates, or the words before the answer, do not reach the model, and the logits are "
    "read in the middle of a list.",
    "Shorten the history, oldest item first, until the whole prompt fits, raise max_length, or list fewer candidates; refuse "
    "a prompt that would still be cut.",
    explains=names(POOR_TRAINING, "letter-candidate-mismatch prompt-skew"),
    confused_with=names("prompt-skew wrong-logit-position"),
)

PROMPTS_UNUSABLE = Fault(
    "prompts-unusable",
    Stage.PROMPTS,
    "The code that builds the prompts refuses some tasks, or gives another number of prompts than it was given tasks.",
    "Give one prompt a task, and None for a training example that the pipeline drops; shorten or clean what is refused.",
    unrelated_to_metrics=True,
    confused_with=names("result-malformed"),
)

PROMPT_SKEW = Fault(
    "prompt-skew",
    Stage.PROMPTS,
    "The prompt that is scored is not the one that was trained on.",
    "Build both prompts with one function, and let training append the letter to exactly what is scored "
    "(add_generation_prompt and enable_thinking alike in both).",
    explains=names(POOR_RANKING, OTHER_SCORES, "position-prior"),
    confused_with=names("prompt-truncated stale-checkpoint"),
)

PROMPT_LEAK = Fault(
    "prompt-leak",
    Stage.PROMPTS,
    "The prompt shows which candidate is the target item: it names, marks or places the answer.",
    "Build the prompt from history and candidates alone, give the builder no target, and take the target item's interaction, "
    "review and everything later out of what describes the user.",
    explains=names(POOR_RANKING, "above-ceiling prompt-skew scores-not-from-model text-artifact-leak"),
    confused_with=names("split-overlap text-artifact-leak temporal-leak"),
)

PROMPT_INJECTION = Fault(
    "prompt-injection",
    Stage.PROMPTS,
    "Titles are written into the prompt as they are, and some with line breaks or special tokens pass for its structure.",
    "Refuse or clean titles with line breaks, control characters and special tokens before they are written into the prompt, "
    "or tokenise titles apart with split_special_tokens=True.",
    unrelated_to_metrics=True,
)

LETTER_CANDIDATE_MISMATCH = Fault(
    "letter-candidate-mismatch",
    Stage.PROMPTS,
    "A letter's logit scores another candidate than the one that is shown behind the letter: the prompt shows candidates "
    "without a letter, behind another one's letter, or in another order than the task lists them.",
    "Write the candidates in the task's order, each right behind its own letter (position 0 has the first letter), read the "
    "scores in that order, and shuffle the task itself, never the prompt alone.",
    explains=names(POOR_TRAINING, OTHER_SCORES, "label-offset"),
    confused_with=names("label-offset rows-misaligned"),
)
