"""Do the candidates' texts tell the candidates apart?"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from rerank_guard.checks._settings import require_tasks
from rerank_guard.errors import RerankGuardError
from rerank_guard.types import Item, RankingTask
from rerank_guard.verdict import MAX_EVIDENCE, Status, Verdict

__all__ = ["check_titles_tell_apart"]

_FEWEST_HISTORY_ITEMS = 3
_FEWEST_NAMESAKES = 2
_STANDARD_ERRORS = 3.0

_EXPLANATIONS = {
    "target_blank": (
        "The target's text is empty: its title is missing from the catalogue, or the join of items and titles lost it.",
        "Look the item ids above up in the table of titles; compare the ids' type and padding in both tables.",
    ),
    "candidates_alike": (
        "Most candidates of a task are shown under the same text or under none: a placeholder, a wrong column, or one "
        "item's text written to all.",
        "Print one task's candidates; check the column that Item.text is read from, and what fills its gaps.",
    ),
    "history_alike": (
        "The items of a history have no text, or all the same one, so the model is told nothing about the user.",
        "Fill the history's texts from the same table of titles as the candidates'.",
    ),
    "target_has_namesake": (
        "The target is shown under the same text as another candidate, so that no model can tell which is right: titles "
        "were cut short, or lack what tells variants apart.",
        "Add what differs to the text (year, artist, size), do not cut it, and merge items that are the same thing.",
    ),
}


def check_titles_tell_apart(tasks: Sequence[RankingTask], *, most: float = 0.01) -> Verdict:
    """Targets have a text of their own, and the candidates' texts differ.

    A user is broken, under the first of these that holds, where

    - candidates_alike: fewer than half of the different candidates have a text of their own;
    - target_blank: the target's text shows nothing (empty, or only white space and invisible characters);
    - history_alike: no item of a non-empty history has a text, or three or more different items share one;
    - target_has_namesake: another candidate, of another item id, has the target's text.

    Texts are compared without regard to case and to the amount of white space. Only equal texts are alike: "item 1" and
    "item 2" differ, "N/A" and "n/a " do not. No statistics, but for a tolerance: catalogues do hold a few films of the
    same name, so namesakes alone fail only from two users on, and where they exceed `most` of n users by three standard
    errors, sqrt(most * n) each.

    Args:
        tasks: the tasks to judge, at least one.
        most: largest share of broken users that is tolerated, in [0, 1).

    Returns:
        PASSED, or FAILED with degenerate-titles and the commonest kind as the cause.

    Raises:
        InvalidTaskError: no tasks.
        RerankGuardError: most out of range.
    """
    require_tasks(tasks)
    if not 0.0 <= most < 1.0:
        raise RerankGuardError(f"most={most!r} is not a share; give a number from 0 to below 1, such as 0.01.")
    rows: dict[str, list[str]] = {kind: [] for kind in _EXPLANATIONS}
    for task in tasks:
        if found := _broken(task):
            rows[found[0]].append(found[1])
    n, counts = len(tasks), {kind: len(found) for kind, found in rows.items()}
    broken, namesakes = sum(counts.values()), counts["target_has_namesake"]
    tolerated = max(most * n + _STANDARD_ERRORS * math.sqrt(most * n), _FEWEST_NAMESAKES - 1)
    failed = broken - namesakes > most * n or namesakes > tolerated
    worst = max(counts, key=lambda kind: counts[kind])
    kinds = [found for _, found in sorted(rows.items(), key=lambda item: -len(item[1])) if found]
    cause, next_step = _EXPLANATIONS[worst] if failed else ("", "")
    return Verdict(
        check="titles_tell_apart",
        status=Status.FAILED if failed else Status.PASSED,
        claim=f"the candidates' texts of {n} users tell the target from the others, for all but {most:.1%} of them",
        measured={"broken_share": broken / n, "broken_users": broken, **counts},
        threshold={"broken_share": most, "target_has_namesake": math.floor(tolerated)},
        n=n,
        evidence=tuple(
            ([found[0] for found in kinds] + [row for found in kinds for row in found[1:]])[:MAX_EVIDENCE]
        )
        if failed
        else (),
        cause=cause,
        next_step=next_step,
        fault="degenerate-titles" if failed else None,
    )


def _broken(task: RankingTask) -> tuple[str, str] | None:
    """What is wrong with the task's texts, and the row that shows it."""
    who = f"query {task.query_id!r}:"
    shown = {item.item_id: _shown(item.text) for item in task.candidates}
    distinct = len(set(shown.values()) - {""})
    if 2 * distinct < len(shown):
        example = next(item.text for item in task.candidates)
        return (
            "candidates_alike",
            f"{who} {distinct} different texts for {len(shown)} candidates, such as {_cut(example)}",
        )
    target = shown.get(task.target_id)
    if target == "":
        slot = task.candidate_ids.index(task.target_id)
        text = task.candidates[slot].text
        return "target_blank", f"{who} target {task.target_id!r} at slot {slot} has the text {_cut(text)}"
    history = {item.item_id: _shown(item.text) for item in task.history}
    texts = set(history.values())
    if texts == {""} or (len(texts) == 1 and len(history) >= _FEWEST_HISTORY_ITEMS):
        example = task.history[0].text
        return "history_alike", f"{who} {len(history)} history items all have the text {_cut(example)}"
    if target is not None and (other := _namesake(task, target)):
        slot, item = other
        names = f"target {task.target_id!r} and candidate {item.item_id!r} at slot {slot}"
        return "target_has_namesake", f"{who} {names} both read {_cut(item.text)}"
    return None


def _namesake(task: RankingTask, target: str) -> tuple[int, Item] | None:
    for slot, item in enumerate(task.candidates):
        if item.item_id != task.target_id and _shown(item.text) == target:
            return slot, item
    return None


@lru_cache(maxsize=65_536)
def _shown(text: str) -> str:
    """The text as it is compared: case and white space folded, invisible characters left out."""
    if not text.isascii():  # zero-width characters, byte-order marks, soft hyphens
        text = "".join(" " if char.isspace() else char for char in text if not _is_invisible(char))
    return " ".join(text.casefold().split())


def _is_invisible(char: str) -> bool:
    return not char.isspace() and unicodedata.category(char) in ("Cf", "Cc")


def _cut(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
