"""Does the training loss look at the letter of the target item, and at nothing else?"""

from __future__ import annotations

from collections.abc import Sequence

from rerank_guard.checks._kinds import Kinds
from rerank_guard.checks.comparing.aligned import require_aligned
from rerank_guard.checks.supervision._supervised_place import Letters, Wanted, Wrong, share_at_letter, what_is_wrong
from rerank_guard.core.check import check
from rerank_guard.core.fault import Fault
from rerank_guard.core.faults.answer_tokens import WRONG_LETTER_VARIANT
from rerank_guard.core.faults.data import LABEL_OFFSET
from rerank_guard.core.faults.supervision import LETTER_NOT_SUPERVISED, LOSS_MASK_WRONG
from rerank_guard.core.finding import Affected, Finding, suspect
from rerank_guard.core.prompts import TrainingPrompt
from rerank_guard.core.setting import Count
from rerank_guard.core.stage import Stage
from rerank_guard.core.types import LetterTable, RankingTask
from rerank_guard.core.verdict import MAX_EVIDENCE, Status

__all__ = ["only_letter_supervised"]

_FAULTS = (LETTER_NOT_SUPERVISED, WRONG_LETTER_VARIANT, LABEL_OFFSET, LOSS_MASK_WRONG)
"""In the order in which each hides the next; an example counts under the first."""

_CAUSES = {
    WRONG_LETTER_VARIANT: (
        "The id that is trained is not the letter's id in context: 'A' and ' A' are different tokens, or the answer begins "
        "with something else."
    ),
    LABEL_OFFSET: (
        "Another candidate's letter is trained: the target item's position was computed before a shuffle or a cut, counts "
        "from 1, or is off by one."
    ),
}
"""Where the check says more than the fault's record."""

_Row = tuple[str, Wrong]
"""The query_id of an example, and what is wrong with it."""


@check(
    stage=Stage.SUPERVISION,
    claim="the loss looks at the letter of the target item, and at nothing else",
    can_name=_FAULTS,
    rules_out=(LABEL_OFFSET, LETTER_NOT_SUPERVISED, LOSS_MASK_WRONG),
)
def only_letter_supervised(
    trained_prompts: Sequence[TrainingPrompt],
    supervised_tasks: Sequence[RankingTask],
    letter_table: LetterTable,
    dropped_examples: Sequence[str] | None = None,
    *,
    max_letter_not_supervised: Count = 0,
    max_wrong_letter_variant: Count = 0,
    max_label_offset: Count = 0,
    max_loss_mask_wrong: Count = 0,
) -> Finding:
    """The loss is taken at one place, where the letter is predicted, and wants the in-context id of the right letter.

    A loss that averages the letter with the prompt or the end of the turn falls below log N without a ranking having been
    learned, and one that is taken elsewhere teaches everything but the answer.

    Exact; one example fails, unless some are tolerated. The right letter is that of the position at which the candidates list target_id, whatever
    target_index says; of any of them where it is listed more than once.

    An example has the first fault of this list, for each hides the next:

    - letter-not-supervised: nothing is wanted at answer_position.
    - wrong-letter-variant: what is wanted there is the in-context id of no letter.
    - label-offset: what is wanted there is the letter of another position.
    - loss-mask-wrong: the right letter is wanted, and a loss is taken at other places too. So is an example whose
      answer_position is merely the first place with a loss (`TrainingPrompt.from_labels` guesses so) and whose
      letter is wanted further on.

    Known limit: examples whose target item is not among the candidates, is beyond the letters, or has a letter of several
    tokens, are checked for the place alone (`gt_in_candidates` and `letter_tokens_found` name those).

    Args:
        trained_prompts: one a task, from the code that trains, at least one.
        supervised_tasks: the tasks, in the same order.
        letter_table: the letters, one a position of the list, with their in-context ids.
        dropped_examples: query_ids of the tasks that the pipeline says it drops (None in place of a prompt), which are
            counted and shown; nothing is judged of them.
        max_letter_not_supervised: largest number of examples with this fault that is tolerated.
        max_wrong_letter_variant: the same of wrong-letter-variant.
        max_label_offset: the same of label-offset.
        max_loss_mask_wrong: the same of loss-mask-wrong.

    Returns:
        PASSED, or FAILED with the most frequent fault first, in the order of the list where they are equally frequent.
        measured["letter_share"] is the mean share of an example's loss, by weight, that is taken at the letter.

    Raises:
        InvalidTaskError: no prompts, or prompts that do not belong to the tasks.
    """
    require_aligned(trained_prompts, supervised_tasks, ("prompts", "tasks"))
    letters = Letters(letter_table)
    wanted = [letters.wanted(task) for task in supervised_tasks]
    shares = [share_at_letter(*each) for each in zip(trained_prompts, wanted, strict=True)]
    by_fault = _by_fault(trained_prompts, wanted, letters)
    n, figures = len(trained_prompts), {_figure(fault): fault for fault in _FAULTS}
    kinds = Kinds(
        "broken_examples",
        sum(map(len, by_fault.values())),
        {figure: len(by_fault[fault]) for figure, fault in figures.items()},
        {
            "letter_not_supervised": max_letter_not_supervised,
            "wrong_letter_variant": max_wrong_letter_variant,
            "label_offset": max_label_offset,
            "loss_mask_wrong": max_loss_mask_wrong,
        },
    )
    failing = [(figures[figure], by_fault[figures[figure]]) for figure in kinds.failing]
    return Finding(
        Status.FAILED if failing else Status.PASSED,
        claim=f"in each of {n} training examples the loss is taken at the target item's letter and nowhere else"
        f"{kinds.exempt}{_left_out(dropped_examples)}",
        measured={
            **kinds.measured,
            "letter_share": round(sum(shares) / n, 4),
            **({"dropped_examples": len(dropped_examples)} if dropped_examples else {}),
        },
        limits=kinds.limits,
        n=n,
        evidence=_evidence([rows for _, rows in failing]),
        suspects=tuple(suspect(fault, _cause(fault, rows)) for fault, rows in failing),
        affected=Affected(kinds.affected, n, "examples"),
    )


def _left_out(dropped: Sequence[str] | None) -> str:
    """Words for the examples that the pipeline drops; empty where it drops none."""
    return f"; {len(dropped)} more, such as {dropped[0]!r}, are dropped by the pipeline" if dropped else ""


def _figure(fault: Fault) -> str:
    return fault.name.replace("-", "_")


def _by_fault(
    prompts: Sequence[TrainingPrompt], wanted: Sequence[Wanted], letters: Letters
) -> dict[Fault, list[_Row]]:
    """The examples that count under each fault, with an entry for every fault."""
    found: dict[Fault, list[_Row]] = {fault: [] for fault in _FAULTS}
    for prompt, right in zip(prompts, wanted, strict=True):
        if wrong := what_is_wrong(prompt, right, letters):
            found[wrong.fault].append((prompt.query_id, wrong))
    return found


def _cause(fault: Fault, rows: Sequence[_Row]) -> str:
    """The check's own words, with the shift of the labels where all have the same; empty for the record's words."""
    cause = _CAUSES.get(fault, "")
    shifts = {wrong.shift for _, wrong in rows if wrong.shift is not None}
    if len(shifts) != 1:
        return cause
    shift = shifts.pop()
    return f"Every wrong label is {abs(shift)} position(s) {'further on' if shift > 0 else 'before'}. {cause}"


def _evidence(kinds: Sequence[Sequence[_Row]]) -> tuple[str, ...]:
    """The first row of every fault, then more of the most frequent ones."""
    rows = [[f"query {query_id!r}: {wrong.shown}" for query_id, wrong in found] for found in kinds]
    heads, rest = [found[0] for found in rows], [row for found in rows for row in found[1:]]
    return tuple((heads + rest)[:MAX_EVIDENCE])
