"""Would the prompt be the same if another candidate were the target item?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rerank_guard.checks._kinds import all_but
from rerank_guard.checks.comparing.aligned import require_aligned, require_same_length
from rerank_guard.checks.prompts._named_outside import (
    NamedOutside,
    ShownPrompt,
    item_id,
    named_outside,
    text_with_target,
    texts_around,
    title,
)
from rerank_guard.checks.prompts._readable_text import readable
from rerank_guard.core.check import check
from rerank_guard.core.faults.prompts import PROMPT_LEAK
from rerank_guard.core.faults.scoring import NONDETERMINISTIC
from rerank_guard.core.finding import Affected, Finding, Limit, suspect
from rerank_guard.core.prompts import ScoringPrompt, TrainingPrompt
from rerank_guard.core.setting import Count, Level, NeededCount, Ratio
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["prompt_independent_of_target"]

_TEXT_SHOWN = 40
_ROWS_OUTSIDE = 2
"""Evidence rows kept for titles outside of the list, where prompts change with the target as well."""

_CHANGES = (
    "The prompt changes with the candidate that is declared the target item: it names, marks or places the answer."
)
_OR_RANDOM = "(Or it is drawn at random at every call, in which case it cannot be compared.)"
_NAMED = "The target item's title or id is in the prompt outside of the candidates, where no other candidate's is."


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """The settings of the check; see there."""

    alpha: float
    min_users: int
    min_ratio: float
    max_leaking_prompts: int


@check(
    stage=Stage.PROMPTS,
    claim="the prompt does not depend on which candidate is the target item",
    can_name=(PROMPT_LEAK, NONDETERMINISTIC),
    rules_out=(PROMPT_LEAK,),
)
def prompt_independent_of_target(
    scoring_prompts: Sequence[ScoringPrompt],
    moved_target_prompts: Sequence[ScoringPrompt],
    probed_tasks: Sequence[RankingTask],
    show_prompts: Callable[[Sequence[RankingTask]], list[ScoringPrompt]] | None = None,
    trained_prompts: Sequence[TrainingPrompt] | None = None,
    moved_trained_prompts: Sequence[TrainingPrompt] | None = None,
    supervised_tasks: Sequence[RankingTask] | None = None,
    *,
    alpha: Level = 1e-6,
    min_users: NeededCount = 3,
    min_ratio: Ratio = 10.0,
    max_leaking_prompts: Count = 0,
) -> Finding:
    """What the model reads before it answers does not depend on which candidate is the target item.

    A prompt that names the target item makes every figure that follows worthless, and looks like a good reranker.

    Two ways to see a leak:

    - The prompts differ before the answer once another candidate is declared the target: exact, token by token. This
      sees every leak of a prompt that is built from `target_id` or `target_index`, and sees nothing of one that is
      written into the data.
    - The target item's title, or its item_id, is outside of the candidate list, apart from the user's history and from
      longer titles that hold it, in at least `min_users` users and `min_ratio` times as often as (a) the other
      candidates' titles of the same users and (b) the same titles in other users' prompts. By (b) a template that names
      well-known films is no leak. Where one of the two rates is not 0, the number of users must also be improbable at
      twice the larger one (Poisson, p at most `alpha`). Twice, since a rate is itself an estimate.

    The list is between the first and the last candidate's text that is found in the prompt; titles within it (in
    whatever layout) count for nothing. In training prompts, where the answer follows, only what is before the list is
    searched.

    Scoring prompts that change with the target are built again from the same tasks: where two builds of the same task
    differ, the builder is random, and the target need not be the reason.

    Known limits: a leak that is in the data and in other words than the title or the id is not seen. A training prompt
    builder that shuffles or samples at every call is named as prompt-leak, since its prompts cannot be compared; the
    cause names both.

    Args:
        scoring_prompts: one a task, at least one.
        moved_target_prompts: prompts of the same tasks in the same order, with another candidate declared the target
            item (target_id and target_index) and all else equal; their query_ids may differ.
        probed_tasks: the tasks of `scoring_prompts`, in the same order.
        show_prompts: from tasks to their scoring prompts, called once more for `probed_tasks` where prompts change with
            the target; None to name every such change a leak.
        trained_prompts: training prompts, one a task of `supervised_tasks`. They are judged in the same way where the
            scoring prompts pass and this and the next two are given.
        moved_trained_prompts: of the same tasks, with another candidate declared the target item.
        supervised_tasks: the tasks of `trained_prompts`, in the same order.
        alpha: largest Poisson probability of so many users, where the larger expectation is above 0, in (0, 0.5). The
            test is of names outside of the list alone; that prompts change with the target is exact.
        min_users: fewest users whose target item is named outside of the list.
        min_ratio: fewest such users in units of the larger expectation.
        max_leaking_prompts: largest number of prompts that leak in either way that is tolerated.

    Returns:
        PASSED, or FAILED as prompt-leak, or as nondeterministic where the builder gives different prompts for the same
        task. The figures are those of the scoring prompts, or of the training prompts where these alone fail.

    Raises:
        InvalidTaskError: no prompts, or lists that do not belong together.
    """
    __tracebackhide__ = True  # a builder that raises is shown by its own frames
    thresholds = _Thresholds(alpha, min_users, min_ratio, max_leaking_prompts)
    require_aligned(scoring_prompts, probed_tasks, ("prompts", "tasks"))
    finding = _judged(scoring_prompts, moved_target_prompts, probed_tasks, thresholds)
    if finding.status is Status.FAILED and finding.measured["changed_with_the_target"] and show_prompts is not None:
        return _if_random(finding, scoring_prompts, show_prompts(probed_tasks))
    if finding.status is Status.PASSED and trained_prompts and moved_trained_prompts and supervised_tasks:
        require_aligned(trained_prompts, supervised_tasks, ("training prompts", "tasks"))
        require_same_length(trained_prompts, moved_trained_prompts, ("prompts", "prompts with another target"))
        rows = _supervised(trained_prompts, moved_trained_prompts)
        if not rows:
            return finding
        of_training = _judged(
            [trained_prompts[row] for row in rows],
            [moved_trained_prompts[row] for row in rows],
            [supervised_tasks[row] for row in rows],
            thresholds,
        )
        return finding if of_training.status is Status.PASSED else of_training
    return finding


def _supervised(prompts: Sequence[TrainingPrompt], moved: Sequence[TrainingPrompt]) -> list[int]:
    """Where both prompts have a supervised token; where no loss is taken, where the answer begins is unknown."""
    pairs = enumerate(zip(prompts, moved, strict=True))
    return [place for place, pair in pairs if all(prompt.supervised for prompt in pair)]


def _judged(
    prompts: Sequence[ShownPrompt],
    moved: Sequence[ShownPrompt],
    tasks: Sequence[RankingTask],
    thresholds: _Thresholds,
) -> Finding:
    """The finding of prompts of one kind."""
    require_same_length(prompts, moved, ("prompts", "prompts with another target"))
    changed = [place for place, pair in enumerate(zip(prompts, moved, strict=True)) if _differ(*pair)]
    around = texts_around(prompts, tasks)
    outside, named = _outside(around, tasks, thresholds)
    leaking = sorted({*changed, *outside.users}) if named else changed
    rows = [_changed_row(prompts[place], moved[place]) for place in changed]
    if named:
        rows = rows[: MAX_EVIDENCE - _ROWS_OUTSIDE] + [
            _outside_row(tasks[place], around[place]) for place in outside.users
        ]
    failed = len(leaking) > thresholds.max_leaking_prompts
    return Finding(
        Status.FAILED if failed else Status.PASSED,
        claim=f"each of {len(tasks)} prompts is the same whichever candidate is the target item"
        f"{all_but(thresholds.max_leaking_prompts)}",
        measured={
            "leaking_prompts": len(leaking),
            "changed_with_the_target": len(changed),
            "targets_named_outside_the_list": len(outside.users),
            "expected_of_other_candidates": round(outside.expected_by_others, 3),
            "expected_of_the_same_titles": round(outside.elsewhere, 3),
        },
        limits=(Limit("leaking_prompts", "<=", thresholds.max_leaking_prompts),),
        n=len(tasks),
        evidence=tuple(rows[:MAX_EVIDENCE]) if failed else (),
        suspects=(suspect(PROMPT_LEAK, f"{_CHANGES} {_OR_RANDOM}" if changed else _NAMED),) if failed else (),
        affected=Affected(len(leaking), len(tasks), "prompts"),
        p_failed=None if len(changed) > thresholds.max_leaking_prompts else _p_value(outside, named=named),
    )


def _p_value(outside: NamedOutside, *, named: bool) -> float | None:
    """4 P(X >= users): titles and ids of scoring and of training prompts are looked at (Bonferroni); None where exact.

    It is exact of names that are nowhere else.
    """
    if not named:
        return 1.0
    return min(1.0, 4.0 * outside.by_chance) if outside.expected > 0.0 else None


def _outside(
    around: dict[int, str], tasks: Sequence[RankingTask], thresholds: _Thresholds
) -> tuple[NamedOutside, bool]:
    """By title, or by id where only the ids leak; and whether it is a leak."""
    limits = (thresholds.min_users, thresholds.min_ratio, thresholds.alpha)
    by_title = named_outside(around, tasks, title)
    if by_title.leaks(*limits):
        return by_title, True
    by_id = named_outside(around, tasks, item_id)
    return (by_id, True) if by_id.leaks(*limits) else (by_title, False)


def _if_random(finding: Finding, prompts: Sequence[ScoringPrompt], again: Sequence[ScoringPrompt]) -> Finding:
    """A leak where the builder gives the same prompt for the same task; otherwise that it does not."""
    require_same_length(prompts, again, ("prompts", "prompts built again"))
    changed = [one.query_id for one, other in zip(prompts, again, strict=True) if one.token_ids != other.token_ids]
    if not changed:
        return replace(finding, suspects=(suspect(PROMPT_LEAK, _CHANGES),))
    return Finding(
        Status.FAILED,
        finding.measured,
        finding.limits,
        n=finding.n,
        claim=finding.claim,
        evidence=(
            f"{len(changed)} of {len(prompts)} prompts differ between two builds of the same task, such as that of "
            f"{changed[0]!r}",
        ),
        suspects=(
            suspect(
                NONDETERMINISTIC,
                "The prompt builder gives another prompt for the same task when it is called again: it draws at random, or "
                "keeps something of the previous prompt.",
                "Build each prompt from its task alone: no shared buffer, no shuffle, and any draw from a generator that "
                "is seeded by the task.",
            ),
        ),
        affected=Affected(len(changed), len(prompts), "prompts"),
    )


def _differ(prompt: ShownPrompt, moved: ShownPrompt) -> bool:
    return prompt.before_answer != moved.before_answer


def _changed_row(prompt: ShownPrompt, moved: ShownPrompt) -> str:
    one, other = readable(prompt.text), readable(moved.text)
    split = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), -1)
    if split < 0:
        ids = f"{len(prompt.before_answer)} and {len(moved.before_answer)} ids"
        return f"query {prompt.query_id!r}: different ids before the answer ({ids}) with another target"
    shown = [text[max(0, split - _TEXT_SHOWN // 2) : split + _TEXT_SHOWN // 2] for text in (one, other)]
    return f"query {prompt.query_id!r}: {shown[0]!r} becomes {shown[1]!r} with another target"


def _outside_row(task: RankingTask, around: str) -> str:
    name, shown = text_with_target(around, task, _TEXT_SHOWN, _TEXT_SHOWN // 2)
    return f"query {task.query_id!r}: the target item {name!r} is outside of the candidates: {shown!r}"
