"""Is the prompt that is scored the one that was trained on?"""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks.comparing.aligned import require_aligned
from rerank_guard.checks.prompts._prompt_difference import Difference, Kind, differences, id_runs
from rerank_guard.core.check import check
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.prompts import PROMPT_SKEW
from rerank_guard.core.faults.scoring import WRONG_LOGIT_POSITION
from rerank_guard.core.faults.supervision import LETTER_NOT_SUPERVISED, LOSS_MASK_WRONG
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.setting import Count
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["prompts_match"]

_MOST_COMPARED = 100
"""Prompts whose texts are compared to say what differs; finding that they differ takes their ids alone."""
_TEXT_SHOWN = 32
_RUNS_SHOWN = 3

_CAUSES = {
    WRONG_LOGIT_POSITION: "The prompts are the same, but the logits are read before the end of the one that is scored.",
    LOSS_MASK_WRONG: "The prompts are the same, but training takes its loss before the position where the letter is read.",
    LETTER_NOT_SUPERVISED: (
        "The prompts are the same, but training takes no loss at the position where the letter is read."
    ),
}

_Pair = tuple[TrainingPrompt, ScoringPrompt]


@check(
    stage=Stage.PROMPTS,
    claim="the prompt that is scored is the one trained on, token by token up to the letter",
    can_name=(PROMPT_SKEW, WRONG_LOGIT_POSITION, LOSS_MASK_WRONG, LETTER_NOT_SUPERVISED),
    rules_out=(PROMPT_SKEW,),
)
def prompts_match(
    training_prompts: Sequence[TrainingPrompt],
    scoring_prompts: Sequence[ScoringPrompt],
    probed_tasks: Sequence[RankingTask] | None = None,
    trained_prompts: Sequence[TrainingPrompt] | None = None,
    trained_as_scored: Sequence[ScoringPrompt] | None = None,
    trained_rows_of_probed: Sequence[int] | None = None,
    dropped_examples: Sequence[str] | None = None,
    *,
    max_differing_prompts: Count = 0,
) -> Finding:
    """The ids up to the answer are the same in training as in scoring, for every task.

    A model that is scored on another prompt than it was trained on ranks worse than it could, often without looking
    broken: a chat template that adds an empty think block at inference alone, a system turn, a history of another length.

    Exact: token by token; one prompt that differs fails, unless some are tolerated. What follows the answer in training is not
    compared. Held-out tasks and training tasks are judged together.

    Known limit: what differs is concluded from the texts, and is a guess; that the prompts differ is not.

    Args:
        training_prompts: of the probed tasks that have a target item.
        scoring_prompts: of the same tasks in the same order; or of all `probed_tasks`, where these are given.
        probed_tasks: the tasks of `scoring_prompts`; those without a target_index have no training prompt, and their
            scoring prompts are left out. None where every scoring prompt has a training prompt.
        trained_prompts: the same of training tasks; None where only held-out tasks are compared.
        trained_as_scored: the scoring prompts of the tasks of `trained_prompts`, in the same order.
        trained_rows_of_probed: the places among `probed_tasks` of the tasks of `training_prompts`, where the pipeline drops
            some; None for all that have a target_index.
        dropped_examples: query_ids of the training tasks that the pipeline drops, which are counted alone.
        max_differing_prompts: largest number of prompts that differ that is tolerated.

    Returns:
        PASSED, or FAILED with the most frequent fault first: prompt-skew (different ids); where the ids agree as far as
        both go and only the positions differ, wrong-logit-position (read before the prompt ends), loss-mask-wrong
        (training's answer position is earlier, and a loss is taken at the position that is read as well) or
        letter-not-supervised (none is taken there). The cause of a prompt-skew says what seems to differ: system turn,
        think block, start and other special tokens, date, blank lines, spaces, order or number of lines, tokenisation: all kinds,
        the largest first. measured["earliest_difference"] is the
        smallest index of a token that differs, None where none does.

    Raises:
        InvalidTaskError: no prompts, or the lists are of different tasks.
    """
    training = [*training_prompts, *(trained_prompts or ())]
    scoring = [*_trained_on(scoring_prompts, probed_tasks, trained_rows_of_probed), *(trained_as_scored or ())]
    require_aligned(training, scoring, ("training prompts", "scoring prompts"))
    pairs = [pair for pair in zip(training, scoring, strict=True) if _differ(*pair)]
    found: dict[Fault, list[_Pair]] = {}
    for pair in pairs:
        found.setdefault(_fault_of(*pair), []).append(pair)
    by_count = sorted(found, key=lambda fault: -len(found[fault]))
    failed = len(pairs) > max_differing_prompts
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"the ids before the answer are the same in training and in scoring, for each of {len(training)} tasks"
        f"{all_but(max_differing_prompts)}",
        measured={
            "differing_prompts": len(pairs),
            "earliest_difference": min((_first_difference(*pair) for pair in pairs), default=None),
            **({"dropped_examples": len(dropped_examples)} if dropped_examples else {}),
        },
        limits=(Limit("differing_prompts", "<=", max_differing_prompts),),
        n=len(training),
        evidence=tuple(_row(*pair) for pair in found[by_count[0]][:MAX_EVIDENCE]) if failed else (),
        suspects=tuple(suspect(fault, _cause(fault, found[fault])) for fault in by_count) if failed else (),
        affected=Affected(len(pairs), len(training), "prompts"),
    )


def _trained_on(
    prompts: Sequence[ScoringPrompt], tasks: Sequence[RankingTask] | None, rows: Sequence[int] | None
) -> Sequence[ScoringPrompt]:
    """The prompts of those tasks that have a target to train on, and are not dropped."""
    if tasks is None:
        return prompts
    require_aligned(prompts, tasks, ("scoring prompts", "tasks"))
    if rows is not None:
        return [prompts[row] for row in rows]
    return [prompt for prompt, task in zip(prompts, tasks, strict=True) if task.target_index is not None]


def _differ(trained: TrainingPrompt, scored: ScoringPrompt) -> bool:
    return trained.before_answer != scored.before_answer


def _fault_of(trained: TrainingPrompt, scored: ScoringPrompt) -> Fault:
    """Whether the prompts differ, or only the positions in them."""
    in_training, in_scoring = trained.before_answer, scored.before_answer
    if not trained.supervised and trained.token_ids[: len(in_scoring)] == in_scoring:
        return LETTER_NOT_SUPERVISED  # whatever its answer_position says, which `from_labels` guesses then
    if len(in_scoring) < len(in_training) and scored.token_ids[: len(in_training)] == in_training:
        return WRONG_LOGIT_POSITION
    if len(in_training) < len(in_scoring) and trained.token_ids[: len(in_scoring)] == in_scoring:
        at_answer = any(token.position == scored.read_position for token in trained.supervised)
        return LOSS_MASK_WRONG if at_answer else LETTER_NOT_SUPERVISED
    return PROMPT_SKEW


def _cause(fault: Fault, pairs: Sequence[_Pair]) -> str:
    """What is wrong; of prompts that differ, with every kind of difference, the largest first."""
    if fault is not PROMPT_SKEW:
        return _CAUSES[fault]
    said = _kinds_of_difference(pairs[:_MOST_COMPARED])
    listed = "; ".join(said) if len(said) == 1 else "; ".join(f"({i}) {shown}" for i, shown in enumerate(said, 1))
    return f"The model is scored on a prompt that it was not trained on: {listed}."


def _kinds_of_difference(pairs: Sequence[_Pair]) -> list[str]:
    """Each kind in words, as its first prompt shows it; the largest first."""
    found: dict[tuple[Kind, str], list[Difference]] = {}
    for pair in pairs:
        for difference in differences(*pair):
            found.setdefault((difference.kind, difference.where), []).append(difference)
    by_size = sorted(found.values(), key=lambda several: -sum(difference.size for difference in several))
    return [
        several[0].shown + (f", in {len(several)} of {len(pairs)} prompts" if len(several) < len(pairs) else "")
        for several in by_size
    ]


def _first_difference(trained: TrainingPrompt, scored: ScoringPrompt) -> int:
    one, other = trained.before_answer, scored.before_answer
    shorter = min(len(one), len(other))
    return next((place for place in range(shorter) if one[place] != other[place]), shorter)


def _row(trained: TrainingPrompt, scored: ScoringPrompt) -> str:
    first = _first_difference(trained, scored)

    def at(ids: Sequence[int]) -> str:
        return str(ids[first]) if first < len(ids) else f"missing ({len(ids)} tokens)"

    split = _common(trained.text, scored.text)
    ids = (
        f"token {first} is {at(trained.before_answer)} in training, {at(scored.before_answer)} in scoring"
        f" ({_runs_shown(trained, scored)})"
    )
    if split == min(len(trained.text), len(scored.text)) == len(scored.text):
        return f"query {trained.query_id!r}: {ids}; the texts are the same up to {scored.text[-_TEXT_SHOWN:]!r}"
    before = trained.text[max(0, split - _TEXT_SHOWN) : split]
    one, other = trained.text[split : split + _TEXT_SHOWN], scored.text[split : split + _TEXT_SHOWN]
    return f"query {trained.query_id!r}: {ids}; behind {before!r} comes {one!r}, in scoring {other!r}"


def _runs_shown(trained: TrainingPrompt, scored: ScoringPrompt) -> str:
    """The largest runs of ids that differ."""
    runs = id_runs(trained, scored)
    shown = [
        f"replaced {len(run.trained)} by {len(run.scored)} at {run.at_trained}"
        if run.trained and run.scored
        else f"deleted {len(run.trained)} at {run.at_trained}"
        if run.trained
        else f"inserted {len(run.scored)} at {run.at_scored}"
        for run in runs[:_RUNS_SHOWN]
    ]
    return "runs of ids: " + ", ".join(shown) + ", ..." * (len(runs) > _RUNS_SHOWN)


def _common(one: str, other: str) -> int:
    """Length of the common beginning, by bisection: comparing strings is far faster than a loop."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
